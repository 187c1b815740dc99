"""What an insights page looks at: a range of time and a channel, both from its address."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

# key: (label, hours, whether buckets are hours)
RANGES = {
    "24h": ("Last 24 hours", 24, True),
    "48h": ("Last 48 hours", 48, True),
    "7d": ("Last 7 days", 7 * 24, True),
    "30d": ("Last 30 days", 30 * 24, False),
    "90d": ("Last 90 days", 90 * 24, False),
}
DEFAULT = "24h"


@dataclass(frozen=True, slots=True)
class Scope:
    """From `since` up to `until`, both on whole hours or days; `channel` 0 is every channel."""

    key: str
    label: str
    since: datetime
    until: datetime
    hourly: bool
    channel: int

    @property
    def hours(self) -> float:
        """Hours that have passed in the range; the present one counts by its minutes."""
        return (min(timezone.now(), self.until) - self.since).total_seconds() / 3600


def scope_of(parameters: Mapping[str, str], channels: Mapping[int, str]) -> Scope:
    """Unknown values fall back to the default: an old link still opens."""
    key = parameters.get("range") if parameters.get("range") in RANGES else DEFAULT
    label, hours, hourly = RANGES[key]
    now = timezone.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    if not hourly:
        now = now.replace(hour=0) + timedelta(days=1) if now.hour else now
    asked = parameters.get("channel", "")
    channel = int(asked) if asked.isdecimal() and len(asked) < 19 and int(asked) in channels else 0
    return Scope(key, label, now - timedelta(hours=hours), now, hourly, channel)
