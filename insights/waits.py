"""What a path waits for, in the words of people: the engine keeps keys of events."""

import re

from orders.definitions import EVENTS

KEY = re.compile(r"[a-z_]+\.[a-z0-9_.]+")


def awaited(text: str) -> str:
    """`order.changed or the provider's answer` -> `order changed or the provider's answer`. Sentences stay as they are."""
    return " or ".join(_spoken(part) for part in text.split(" or "))


def _spoken(part: str) -> str:
    if not KEY.fullmatch(part):
        return part
    name = EVENTS[part][0] if part in EVENTS else re.sub(r"[._]+", " ", part)
    return name[:1].lower() + name[1:]
