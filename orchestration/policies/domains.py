"""Sets of values a field can have: intervals of whole numbers, or texts listed or left out; each with “missing” or not.

Every number, date and time of the catalog has a smallest unit, so all of them are whole numbers here.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import (
    CheckConstraint,
    DateTimeField,
    DecimalField,
    PositiveIntegerField,
    PositiveSmallIntegerField,
    Q,
)

from orchestration.policies import amounts
from orchestration.policies.constants import moments, whole_days
from orchestration.policies.fields import FieldSpec

LOW, HIGH = -(10**30), 10**30
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FAR = 10**17  # microseconds; some year 5138


@dataclass(frozen=True, slots=True)
class Numbers:
    """Closed intervals, apart from each other and in order; `missing`: whether a missing value is in."""

    intervals: tuple[tuple[int, int], ...]
    missing: bool

    def meet(self, other: "Numbers") -> "Numbers":
        both = ((max(a, c), min(b, d)) for a, b in self.intervals for c, d in other.intervals)
        return Numbers(tuple(sorted(x for x in both if x[0] <= x[1])), self.missing and other.missing)

    def rest(self) -> "Numbers":
        holes, start = [], LOW
        for low, high in self.intervals:
            if start < low:
                holes.append((start, low - 1))
            start = high + 1
        if start <= HIGH:
            holes.append((start, HIGH))
        return Numbers(tuple(holes), not self.missing)

    @property
    def some(self) -> bool:
        return bool(self.intervals)

    def example(self) -> int:
        low, high = self.intervals[0]
        return low if low != LOW else min(high, 0)


@dataclass(frozen=True, slots=True)
class Names:
    """Texts or booleans: exactly `values`, or with `others` all but them."""

    values: frozenset
    others: bool
    missing: bool

    def meet(self, other: "Names") -> "Names":
        missing = self.missing and other.missing
        if self.others and other.others:
            return Names(self.values | other.values, True, missing)
        if self.others:
            return Names(other.values - self.values, False, missing)
        if other.others:
            return Names(self.values - other.values, False, missing)
        return Names(self.values & other.values, False, missing)

    def rest(self) -> "Names":
        return Names(self.values, not self.others, not self.missing)

    @property
    def some(self) -> bool:
        return self.others or bool(self.values)

    def example(self) -> Any:
        return min(self.values, key=str) if not self.others else "another value"


Domain = Numbers | Names


def whole(spec: FieldSpec) -> Domain:
    """Everything that the column can hold, by its type, choices and constraints."""
    if spec.type == "boolean":
        return Names(frozenset((True, False)), False, spec.nullable)
    if spec.type == "text":
        if not spec.choices or spec.field.name == "state":  # people add states of their own
            return Names(frozenset(), True, spec.nullable)
        blank = ("",) if spec.field.blank else ()
        return Names(frozenset((*spec.choices, *blank)), False, spec.nullable)
    return Numbers(((_least(spec), HIGH),), spec.nullable)


def allowed(spec: FieldSpec, operator: str, value: Any) -> Domain | None:
    """The values for which a comparison holds; `value` is checked already. None: it does not only depend on this field."""
    if operator in ("has_data", "has_no_data"):
        found = _given(spec)
        return found if operator == "has_data" else found.rest()
    if spec.type in ("text", "boolean"):
        if operator not in ("equals", "in"):
            return None
        return Names(frozenset(value if operator == "in" else (value,)), False, False)
    if operator == "in":
        return _united([_interval(spec, "equals", item) for item in value])
    if operator == "between":
        return Numbers(((_ends(spec, value[0])[0], _ends(spec, value[1])[1]),), False)
    return Numbers((_interval(spec, operator, value),), False)


def shown(spec: FieldSpec, domain: Domain, currency: str = "") -> str:
    """An example of the domain as people write it; an amount in its currency, if that is known."""
    if not domain.some:
        return "missing"
    found = domain.example()
    if isinstance(domain, Names):
        return {True: "yes", False: "no", "": "empty"}.get(found, str(found))
    if spec.type == "number":
        places = spec.field.decimal_places if isinstance(spec.field, DecimalField) else 0
        if spec.currency:
            return amounts.words(spec.name, Decimal(found).scaleb(-places), currency)
        return format((Decimal(found) / 10**places).normalize(), "f") if places else str(found)
    return _day(spec, found)


def _day(spec: FieldSpec, found: int) -> str:
    if whole_days(spec):
        return date.fromordinal(min(max(found, 1), date.max.toordinal())).isoformat()
    moment = EPOCH + timedelta(microseconds=min(max(found, 0), FAR))
    return moment.isoformat(sep=" ", timespec="minutes")


def _given(spec: FieldSpec) -> Domain:
    if spec.type == "text":
        return Names(frozenset(("",)), True, False)
    if spec.type == "boolean":
        return Names(frozenset((True, False)), False, False)
    return Numbers(((LOW, HIGH),), False)


def _interval(spec: FieldSpec, operator: str, value: Any) -> tuple[int, int]:
    low, high = _ends(spec, value)
    return {
        "equals": (low, high),
        "greater": (high + 1, HIGH),
        "at_least": (low, HIGH),
        "less": (LOW, low - 1),
        "at_most": (LOW, high),
    }[operator]


def _ends(spec: FieldSpec, value: Any) -> tuple[int, int]:
    """First and last whole number that the constant stands for: a day beside a time is all of it."""
    if spec.type == "number":
        places = spec.field.decimal_places if isinstance(spec.field, DecimalField) else 0
        exact = int(Decimal(value) * 10**places)
        return exact, exact
    if not isinstance(spec.field, DateTimeField):
        return value.toordinal(), value.toordinal()
    first, after = (_microseconds(moment) for moment in moments(value))
    return first, max(first, after - 1)


def _microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def _united(intervals: list[tuple[int, int]]) -> Numbers:
    joined: list[tuple[int, int]] = []
    for low, high in sorted(intervals):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return Numbers(tuple(joined), False)


def _least(spec: FieldSpec) -> int:
    """The smallest number that type and check constraints allow."""
    field, least = spec.field, LOW
    if isinstance(field, PositiveIntegerField | PositiveSmallIntegerField):
        least = 0
    for constraint in field.model._meta.constraints:
        if isinstance(constraint, CheckConstraint) and isinstance(constraint.condition, Q):
            for child in constraint.condition.children:
                if isinstance(child, tuple) and isinstance(child[1], int):
                    if child[0] == f"{field.name}__gte":
                        least = max(least, child[1])
                    elif child[0] == f"{field.name}__gt" and not isinstance(field, DecimalField):
                        least = max(least, child[1] + 1)
    return least
