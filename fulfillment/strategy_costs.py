"""What it costs when an order does not go as it should, as a strategy says it. Pure; amounts in minor units."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class StrategyCosts:
    """Of an order: an amount, and a share of the value of its goods; of a unit that is not sent: an
    amount, and a share of its price.

    The defaults count where a version of a strategy is older than these fields.
    """

    late_minor: int = 500
    late_percent: float = 6.0
    reject_minor: int = 700
    reject_percent: float = 10.0
    unfilled_minor: int = 10_000
    unfilled_percent: float = 100.0

    def late(self, goods_minor: int) -> int:
        return self.late_minor + _share(goods_minor, self.late_percent)

    def reject(self, goods_minor: int) -> int:
        return self.reject_minor + _share(goods_minor, self.reject_percent)

    def unfilled(self, unit_minor: int) -> int:
        return self.unfilled_minor + _share(unit_minor, self.unfilled_percent)


def _share(minor: int, percent: float) -> int:
    """Rounded down to the cent; hundredths of a percent count."""
    return max(0, minor) * round(percent * 100) // 10_000


FIELDS = tuple(field.name for field in fields(StrategyCosts))
DEFAULTS = {field.name: field.default for field in fields(StrategyCosts)}


def costs_of(document: Mapping[str, Any]) -> StrategyCosts:
    return StrategyCosts(**{name: document[name] for name in FIELDS if name in document})
