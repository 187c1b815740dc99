"""Constants of rules: what a person may write beside a field, checked against the column it is compared with."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db.models import DateField, DateTimeField, DecimalField, Value
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from orchestration.errors import BadRule
from orchestration.policies.fields import FieldSpec

LONGEST_TEXT = 400
MOST_VALUES = 1000
UNITS = {"minutes": 1, "hours": 60, "days": 1440}
MOST_MINUTES = 10 * 366 * 1440
DAY = timedelta(days=1)


class Moment(Value):
    """The present, moved by minutes, read when the query is sent: a compiled rule is kept and asked much later."""

    def __init__(self, minutes: int, whole_days: bool = False) -> None:
        super().__init__(None, output_field=DateField() if whole_days else DateTimeField())
        self.minutes, self.whole_days = minutes, whole_days

    def now(self) -> date | datetime:
        moment = timezone.now() + timedelta(minutes=self.minutes)
        return moment.date() if self.whole_days else moment

    def as_sql(self, compiler, connection):
        return Value(self.now(), output_field=self.output_field).as_sql(compiler, connection)


def constant(spec: FieldSpec, value: Any, path: str) -> Any:
    """The value as the column's type; raises BadRule where the column could never hold it."""
    checked = {"number": _number, "text": _text, "boolean": _boolean, "date": _date}[spec.type](
        spec, value, path
    )
    if spec.choices and checked not in spec.choices:
        raise BadRule(path, f"{value!r} is none of {', '.join(spec.choices)}")
    return checked


def constants(spec: FieldSpec, values: Any, path: str) -> list[Any]:
    if not isinstance(values, list) or not 1 <= len(values) <= MOST_VALUES:
        raise BadRule(path, f"must be a list of 1 to {MOST_VALUES:,} values")
    return [constant(spec, item, f"{path}[{position}]") for position, item in enumerate(values)]


def span(spec: FieldSpec, value: Any, path: str) -> tuple[Any, Any]:
    """The two ends of “between”, both included."""
    if not isinstance(value, list) or len(value) != 2:
        raise BadRule(path, "must be a list of two values: from and to")
    low, high = constants(spec, value, path)
    if moments(low)[0] > moments(high)[0]:
        raise BadRule(path, f"begins at {value[0]}, after its end {value[1]}")
    return low, high


def duration(spec: FieldSpec, value: Any, path: str) -> int:
    """`{"amount": 2, "unit": "days"}` in minutes."""
    if not isinstance(value, Mapping) or set(value) != {"amount", "unit"}:
        raise BadRule(path, "must be such as {“amount”: 2, “unit”: “days”}")
    amount, unit = value["amount"], value["unit"]
    if unit not in UNITS:
        raise BadRule(f"{path}.unit", f"must be one of {', '.join(UNITS)}")
    if whole_days(spec) and unit != "days":
        raise BadRule(f"{path}.unit", f"{spec.name} is a day without a time; count in days")
    if (
        isinstance(amount, bool)
        or not isinstance(amount, int)
        or not 0 < amount * UNITS[unit] <= MOST_MINUTES
    ):
        raise BadRule(f"{path}.amount", "must be a whole number above 0, within ten years")
    return amount * UNITS[unit]


def whole_days(spec: FieldSpec) -> bool:
    return not isinstance(spec.field, DateTimeField)


def moments(value: Any) -> tuple[Any, Any]:
    """First moment and the first one after: a day beside a time stands for all of that day (in UTC)."""
    if isinstance(value, date) and not isinstance(value, datetime):
        start = datetime.combine(value, time(), tzinfo=UTC)
        return start, start + DAY
    return value, value


def number(value: Any, path: str) -> Decimal | int:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise BadRule(path, "must be a number")
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        raise BadRule(path, f"{value!r} is not a number") from None
    if not found.is_finite() or abs(found) >= Decimal(10) ** 18:
        raise BadRule(path, "must be a number within plus or minus 10^18")
    return int(found) if found == found.to_integral_value() else found


def _number(spec: FieldSpec, value: Any, path: str) -> Decimal | int:
    found = number(value, path)
    if not isinstance(spec.field, DecimalField):
        if not isinstance(found, int):
            raise BadRule(path, f"{spec.name} is a whole number; {value} is none")
        return found
    places, whole = spec.field.decimal_places, spec.field.max_digits - spec.field.decimal_places
    if Decimal(found).as_tuple().exponent < -places or abs(found) >= Decimal(10) ** whole:
        raise BadRule(path, f"{spec.name} has at most {whole} digits before and {places} after the point")
    return found


def _text(spec: FieldSpec, value: Any, path: str) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or "\0" in value:
        raise BadRule(path, f"must be a text of at most {LONGEST_TEXT} characters")
    return value


def _boolean(spec: FieldSpec, value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise BadRule(path, "must be true or false")
    return value


def _date(spec: FieldSpec, value: Any, path: str) -> date | datetime:
    found = _parsed(value)
    if found is None or not 1970 <= found.year <= 9000:
        raise BadRule(path, "must be a date such as 2026-11-20 or a time such as 2026-11-20T14:00:00Z")
    if isinstance(found, datetime):
        if whole_days(spec):
            raise BadRule(path, f"{spec.name} is a day without a time; write a date such as 2026-11-20")
        return found if timezone.is_aware(found) else found.replace(tzinfo=UTC)
    return found


def _parsed(value: Any) -> date | datetime | None:
    if not isinstance(value, str):
        return None
    try:
        return parse_date(value) if len(value) <= 10 else parse_datetime(value)
    except ValueError:
        return None
