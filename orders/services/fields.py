"""The header fields that people may edit, and what each may hold."""

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from orders.countries import COUNTRIES
from orders.errors import InvalidChange
from orders.geography import locate
from orders.models import Order
from orders.services.faults import country_fault, fault, priority_fault, text_fault, time_fault

PARTY = ("name", "line1", "line2", "city", "region", "postal_code", "country", "latitude", "longitude")
# Coordinates belong to these; who lives there does not matter.
PLACE = frozenset(
    {"ship_to_line1", "ship_to_city", "ship_to_region", "ship_to_postal_code", "ship_to_country"}
)

Check = Callable[[str, Any], dict | None]


def _text(limit: int) -> Check:
    return lambda path, value: text_fault(path, value, limit)


def _country(path: str, value: Any) -> dict | None:
    return None if value == "" or value in COUNTRIES else country_fault(path, value)


def _degrees(most: int) -> Check:
    def check(path: str, value: Any) -> dict | None:
        if value is None or (type(value) in (int, float) and isfinite(value) and abs(value) <= most):
            return None
        return fault(
            "bad_location", path, f"{path} must be from -{most} to {most}.", "Send degrees, or nothing."
        )

    return check


EDITABLE: dict[str, Check] = {
    "customer_name": _text(200),
    "customer_email": _text(254),
    "customer_phone": _text(40),
    "customer_reference": _text(100),
    "sales_origin": _text(40),
    "priority": priority_fault,
    "notes": _text(10_000),
    "requested_delivery_at": time_fault,
    "promised_at": time_fault,
    "ship_to_name": _text(200),
    "ship_to_line1": _text(400),
    "ship_to_line2": _text(400),
    "ship_to_city": _text(100),
    "ship_to_region": _text(60),
    "ship_to_postal_code": _text(20),
    "ship_to_country": _country,
    "ship_to_latitude": _degrees(90),
    "ship_to_longitude": _degrees(180),
}
_KNOWN = frozenset(field.name for field in Order._meta.get_fields())


def flattened(changes: Mapping[str, Any]) -> dict[str, Any]:
    """`{"ship_to": {"city": …}}` as `{"ship_to_city": …}`."""
    flat = {name: value for name, value in changes.items() if name != "ship_to"}
    if (nested := changes.get("ship_to")) is None:
        return flat
    if not isinstance(nested, Mapping):
        raise InvalidChange(
            [fault("object_expected", "ship_to", "ship_to must be an object.", "Send its fields.")]
        )
    return flat | {f"ship_to_{name}": value for name, value in nested.items()}


def check(changes: Mapping[str, Any]) -> None:
    """Raises InvalidChange with every field that is unknown, not editable or wrong."""
    found = [row for name, value in changes.items() if (row := _fault(name, value))]
    if found:
        raise InvalidChange(found)


def _fault(name: str, value: Any) -> dict | None:
    if name in EDITABLE:
        return EDITABLE[name](name, value)
    if name in _KNOWN:
        return fault("read_only", name, f"{name} cannot be edited.", "Leave it out.")
    return fault("unknown_field", name, f"There is no field {name:.60}.", "Check the spelling.")


def differences(order: Order, changes: Mapping[str, Any]) -> dict[str, list]:
    """Field -> [before, after] of what these changes would change, the place's coordinates included."""
    wanted = with_place(order, changes)
    return {
        name: [getattr(order, name), value] for name, value in wanted.items() if getattr(order, name) != value
    }


def with_place(order: Order, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Coordinates of the old place do not go along to a new one: they are those of its city or region, if known."""
    if not any(changes[name] != getattr(order, name) for name in PLACE & set(changes)):
        return dict(changes)
    country, region, city = (
        changes.get(name, getattr(order, name))
        for name in ("ship_to_country", "ship_to_region", "ship_to_city")
    )
    latitude, longitude = locate(country, region, city) or (None, None)
    return {"ship_to_latitude": latitude, "ship_to_longitude": longitude, **changes}
