"""Entry points of the queue that belong to no single floor."""

import time

from insights.services.compact import compact
from inventory.services.reservations import expire
from iom.lib.api.idempotency import forget_old

SELDOM_SECONDS = 60.0
_last = 0.0


def tidy() -> dict[str, int]:
    """Free what was held too long; once a minute in each worker forget old answers and add up old counters."""
    global _last
    done = {"expired": expire()}
    if time.monotonic() - _last >= SELDOM_SECONDS:
        _last = time.monotonic()
        done |= {"forgotten": forget_old(), "compacted": compact()}
    return done
