"""JSON to OrderDraft, by hand: this is the hot path, and serializer objects would cost more than all the rest.

Here is looked at shape only: names, kinds, money and times. What the values may be is `orders.services.faults`, for
every channel alike. A number may come as JSON number or as text; neither passes through a float.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from iom.lib.api.errors import fault
from iom.lib.money import LARGEST_MINOR, digits
from orders.models import Channel
from orders.types import ChargeDraft, LineDraft, OrderDraft, Party

MOST_LINES = 2000
YEARS = range(1990, 2101)
MONEY_TEXT = re.compile(r"-?[0-9]{1,16}(?:\.[0-9]{1,12})?", re.ASCII)
READ_ONLY = frozenset(
    [
        "id",
        "number",
        "state",
        "state_reason",
        "state_at",
        "version",
        "received_at",
        "goods",
        "discount",
        "shipping",
        "tax",
        "line_count",
        "unit_count",
        "content_hash",
        "sourced_at",
        "sent_at",
        "shipped_at",
        "completed_at",
        "is_manual",
        "url",
        "amount",
    ]
)


class Reading:
    """One order being read: its currency's decimals, and everything that was found wrong so far."""

    __slots__ = ("currency", "faults", "places")

    def __init__(self, currency: str) -> None:
        self.currency, self.places, self.faults = currency, digits(currency), []

    def add(self, code: str, path: str, message: str, fix: str = "") -> None:
        self.faults.append(fault(code, path, message, fix))


Reader = Callable[[Reading, Any, str], Any]


def read_order(data: Any, channels: Mapping[str, Channel]) -> tuple[OrderDraft | None, list[dict]]:
    """The draft, or None and what is wrong with its shape. `channels` are those that the caller may write to, by key."""
    if type(data) is not dict:
        return None, [fault("object_expected", "", "An order must be a JSON object.")]
    channel = _channel(data.get("channel"), channels)
    currency = data.get("currency") or (channel.currency if channel else "USD")
    reading = Reading(currency if type(currency) is str else "USD")
    if data.get("channel") is None:
        reading.add("required", "channel", "channel is missing.")
    elif channel is None:
        reading.add(
            "unknown_channel", "channel", "There is no such channel for this key.", "Send a channel's key."
        )
    values = _fields(reading, data, ORDER, "")
    for name in ("external_id", "placed_at", "ship_to", "lines"):
        if name not in values and not any(row["field"].startswith(name) for row in reading.faults):
            reading.add("required", name, f"{name} is missing.")
    if reading.faults:
        return None, reading.faults
    values.update(channel_id=channel.pk, currency=reading.currency)
    return OrderDraft(**values), []


def _channel(key: Any, channels: Mapping[str, Channel]) -> Channel | None:
    return channels.get(key) if type(key) is str else None


def _fields(
    reading: Reading, data: dict, readers: Mapping[str, tuple[str, Reader]], path: str
) -> dict[str, Any]:
    """The draft's values by their names there; null counts as not sent."""
    values = {}
    for name, value in data.items():
        found = readers.get(name)
        if found is None:
            _foreign(reading, name, path)
        elif value is not None:
            target, read = found
            if read is text and type(value) is str:
                values[target] = value
            else:
                values[target] = read(reading, value, path + name)
    values.pop("", None)
    return values


def _foreign(reading: Reading, name: str, path: str) -> None:
    where = (path + name)[:120]
    if name in READ_ONLY:
        reading.add("read_only", where, f"{where} is set by us only.", "Leave it out.")
    else:
        reading.add(
            "unknown_field", where, f"{where} is not known here.", "Check the spelling, or leave it out."
        )


# -- readers: each answers the value, or notes what is wrong ---------------------------------------------------------


def text(reading: Reading, value: Any, path: str) -> str:
    if type(value) is not str:
        reading.add("text_expected", path, f"{path} must be text.", "Send a JSON string.")
        return ""
    return value


def money(reading: Reading, value: Any, path: str) -> Decimal:
    """An amount with no more decimals than its currency has."""
    if (type(value) is str and MONEY_TEXT.fullmatch(value)) or (
        type(value) is int and abs(value) <= LARGEST_MINOR
    ):
        value = Decimal(value)
    if type(value) is Decimal:
        scaled = value.scaleb(reading.places)
        if abs(scaled) <= LARGEST_MINOR and scaled == int(scaled):
            return value
    largest = Decimal(LARGEST_MINOR).scaleb(-reading.places)
    allowed = f"{reading.currency[:10]} up to {largest:,} with at most {reading.places} decimals"
    reading.add(
        "money_format", path, f"{path} must be an amount in {allowed}.", 'Send it such as "12.50" or 12.5.'
    )
    return Decimal(0)


def minor(reading: Reading, value: Any, path: str) -> int:
    return int(money(reading, value, path).scaleb(reading.places))


def as_is(reading: Reading, value: Any, path: str) -> Any:
    """Looked at by `orders.services.faults`, which knows the bounds."""
    return value


def flag(reading: Reading, value: Any, path: str) -> bool:
    if type(value) is not bool:
        reading.add("flag_expected", path, f"{path} must be true or false.")
    return bool(value)


def degrees(reading: Reading, value: Any, path: str) -> float:
    if type(value) is int and abs(value) <= 180:
        return float(value)
    if type(value) is Decimal and abs(value) <= 180:
        return float(value)
    reading.add("bad_location", path, f"{path} must be a number of degrees.")
    return 0.0


def moment(reading: Reading, value: Any, path: str) -> datetime | None:
    """ISO 8601 with a zone, as UTC."""
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        reading.add("bad_time", path, f"{path} must be a time such as 2026-05-01T12:00:00Z.")
        return None
    if found.tzinfo is None:
        reading.add("naive_time", path, f"{path} has no zone.", "Add Z, or the offset such as +02:00.")
    elif found.year not in YEARS or abs(found.utcoffset()) > timedelta(hours=15):
        reading.add("bad_time", path, f"{path} must be in the years {YEARS[0]} to {YEARS[-1]}.")
    else:
        return found.astimezone(UTC)
    return None


def party(reading: Reading, value: Any, path: str) -> Party | None:
    if type(value) is not dict:
        return reading.add("object_expected", path, f"{path} must be an object.")
    found = _fields(reading, value, PARTY, f"{path}.")
    # Spaces alone are no address: policies that ask whether there is one must not be told yes.
    return Party(
        **{name: "" if type(part) is str and part.isspace() else part for name, part in found.items()}
    )


def tags(reading: Reading, value: Any, path: str) -> tuple[str, ...]:
    if type(value) is not list or not all(type(tag) is str for tag in value):
        reading.add("list_expected", path, f"{path} must be a list of texts.")
        return ()
    return tuple(value)


def lines(reading: Reading, value: Any, path: str) -> tuple[LineDraft, ...]:
    if type(value) is not list:
        reading.add("list_expected", path, "lines must be a list.")
        return ()
    if not value:
        reading.add("no_lines", path, "An order needs at least one line.")
    if len(value) > MOST_LINES:
        reading.add("too_many_lines", path, f"The order has {len(value)} lines; the most is {MOST_LINES}.")
        return ()
    return tuple(_line(reading, row, index) for index, row in enumerate(value))


def _line(reading: Reading, row: Any, index: int) -> LineDraft | None:
    path = f"lines[{index}]"
    if type(row) is not dict:
        return reading.add("object_expected", path, f"{path} must be an object.")
    values = _fields(reading, row, LINE, f"{path}.")
    if "quantity" not in values:
        reading.add("required", f"{path}.quantity", f"{path}.quantity is missing.")
    if "unit_price" not in values:
        reading.add("required", f"{path}.unit_price", f"{path}.unit_price is missing.")
    if reading.faults:
        return None
    return LineDraft(**({"line_number": index + 1, "sku": ""} | values))


def charges(reading: Reading, value: Any, path: str) -> tuple[ChargeDraft, ...]:
    if type(value) is not list or len(value) > MOST_LINES:
        reading.add("list_expected", path, f"{path} must be a list.")
        return ()
    return tuple(_charge(reading, row, f"{path}[{index}]") for index, row in enumerate(value))


def _charge(reading: Reading, row: Any, path: str) -> ChargeDraft | None:
    if type(row) is not dict:
        return reading.add("object_expected", path, f"{path} must be an object.")
    values = _fields(reading, row, CHARGE, f"{path}.")
    if not {"kind", "amount_minor"} <= values.keys():
        reading.add("required", path, f"{path} needs kind and amount.")
    return None if reading.faults else ChargeDraft(**values)


def _same(names: str, read: Reader) -> dict[str, tuple[str, Reader]]:
    return {name: (name, read) for name in names.split()}


PARTY = _same("name line1 line2 city region postal_code country", text) | _same("latitude longitude", degrees)
LINE = (
    _same("sku description method pickup_source", text)
    | _same("line_number quantity", as_is)
    | {
        "unit_price": ("unit_price", money),
        "discount": ("discount_minor", minor),
        "tax": ("tax_minor", minor),
    }
)
CHARGE = _same("kind description", text) | {"amount": ("amount_minor", minor)}
ORDER = (
    _same("external_id customer_code customer_name customer_email customer_phone customer_reference", text)
    | _same("sales_origin notes", text)
    | _same("placed_at requested_delivery_at promised_at", moment)
    | _same("ship_to bill_to", party)
    | {
        "channel": ("", text),
        "currency": ("", text),
        "priority": ("priority", as_is),
        "draft": ("draft", flag),
    }
    | {
        "lines": ("lines", lines),
        "charges": ("charges", charges),
        "tags": ("tags", tags),
        "total": ("total_minor", minor),
    }
)
