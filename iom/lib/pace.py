"""How long to wait before something is tried again, as people set it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

LONGEST = timedelta(days=1)


def wait_before(retry: Mapping[str, Any], failed_attempts: int) -> timedelta:
    """`{"seconds": 60, "growth": "doubling"}`: 60, 120, 240 … seconds, a day at most; otherwise always the same."""
    seconds = retry.get("seconds", 60)
    if retry.get("growth") == "doubling":
        seconds *= 2 ** min(failed_attempts - 1, 20)
    return min(timedelta(seconds=seconds), LONGEST)
