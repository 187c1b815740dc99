"""The short numbers that people see and type: SO-1042 is the order with id 42."""

import re

OFFSET = 1000
LARGEST_ID = 2**63 - 1
_PATTERN = re.compile(r"\s*(?:SO-?)?([0-9]{1,19})\s*", re.IGNORECASE | re.ASCII)


def order_id_of(text: str) -> int | None:
    """`SO-1042`, `so1042` and `1042` are all 42; anything else, None."""
    found = _PATTERN.fullmatch(text)
    number = int(found[1]) - OFFSET if found else 0
    return number if 0 < number <= LARGEST_ID else None


def number_of(order_id: int) -> str:
    return f"SO-{OFFSET + order_id}"
