"""Faults of an order as a channel hands it over: rows with code, field path, sentence and what to do.

Pure: no query. What needs our own data (SKUs, customers) is looked at in `orders.services.references`.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from math import isfinite
from operator import attrgetter, le
from typing import Any

from iom.lib.money import CURRENCIES, LARGEST_MINOR
from orders.countries import COUNTRIES
from orders.models import Charge, OrderLine
from orders.types import ChargeDraft, LineDraft, OrderDraft, Party

LARGEST_QUANTITY = 10**9
LARGEST_PRICE = Decimal(10**12)
PRICE_DECIMALS = 6
MOST_LINES = 2000
MOST_CHARGES = MOST_TAGS = 50
LARGEST_LINE_NUMBER = 2**31 - 1
YEARS = range(1990, 2101)

# What a trusted channel's order may be stored with, for a person to mend; every other fault refuses the order.
PARKABLE = frozenset(
    {
        "unknown_sku",
        "inactive_product",
        "unknown_customer",
        "unknown_country",
        "totals_mismatch",
        "money_format",
    }
)

_HEADER = {
    "external_id": 100,
    "customer_code": 40,
    "customer_name": 200,
    "customer_email": 254,
    "customer_phone": 40,
    "customer_reference": 100,
    "sales_origin": 40,
    "notes": 10_000,
}
_PARTY = {
    "name": 200,
    "line1": 400,
    "line2": 400,
    "city": 100,
    "region": 60,
    "postal_code": 20,
    "country": 200,
}
_LINE = {"sku": 64, "description": 200, "pickup_source": 40}
_CHARGE = {"description": 100}
_TAG_LIMIT = 40
_header_of, _party_of, _line_of = attrgetter(*_HEADER), attrgetter(*_PARTY), attrgetter(*_LINE)
_HEADER_LIMITS, _PARTY_LIMITS = tuple(_HEADER.values()), tuple(_PARTY.values())
_LINE_LIMITS = tuple(_LINE.values())
_CHARGE_KINDS = frozenset(Charge.Kind.values)
METHODS = tuple(OrderLine.Method.values)
HOME = OrderLine.Method.SHIP_TO_HOME.value
AT_A_STORE = (OrderLine.Method.PICKUP.value, OrderLine.Method.SHIP_TO_STORE.value)


def fault(code: str, field: str, message: str, fix: str, **facts: Any) -> dict[str, Any]:
    return {"code": code, "field": field, "message": message, "fix": fix, **facts}


def shape_faults(draft: OrderDraft) -> list[dict]:
    """Everything wrong with the draft by itself, all at once; an empty list for a sound one."""
    found = _count_faults(draft)
    if any(row["code"] == "too_many_lines" for row in found):
        return found  # no use in naming faults of 10,000 lines
    found += _text_faults(draft)
    if found and any(row["code"] in ("text_expected", "bad_text") for row in found):
        return found
    if not draft.external_id.strip():
        found.append(fault("required", "external_id", "The order has no external id.", "Send its id."))
    found += _header_faults(draft)
    found += line_faults(draft.lines)
    found += _charge_faults(draft.charges)
    return found


def _count_faults(draft: OrderDraft) -> list[dict]:
    found = []
    if not draft.lines and not draft.draft:
        found.append(fault("no_lines", "lines", "The order has no lines.", "Send at least one line."))
    for name, most in (("lines", MOST_LINES), ("charges", MOST_CHARGES), ("tags", MOST_TAGS)):
        if (count := len(getattr(draft, name))) > most:
            found.append(
                fault(
                    f"too_many_{name}",
                    name,
                    f"The order has {count} {name}; the most is {most}.",
                    "Send it as several orders." if name == "lines" else "Send fewer.",
                    limit=most,
                )
            )
    return found


# -- text ---------------------------------------------------------------------------------------------------------


def _text_faults(draft: OrderDraft) -> list[dict]:
    """The quick look takes all texts at once; only if something is wrong are they named one by one."""
    texts, limits = [*_header_of(draft), *_party_of(draft.ship_to)], [*_HEADER_LIMITS, *_PARTY_LIMITS]
    if draft.bill_to is not None:
        texts += _party_of(draft.bill_to)
        limits += _PARTY_LIMITS
    for line in draft.lines:
        texts += _line_of(line)
    limits += _LINE_LIMITS * len(draft.lines)
    texts += [charge.description for charge in draft.charges]
    limits += [_CHARGE["description"]] * len(draft.charges)
    texts += draft.tags
    limits += [_TAG_LIMIT] * len(draft.tags)
    try:
        joined = "".join(texts)
        joined.isascii() or joined.encode()
        if "\0" not in joined and all(map(le, map(len, texts), limits)):
            return []
    except (TypeError, UnicodeEncodeError):
        pass
    return [row for path, text, limit in _paths(draft) if (row := text_fault(path, text, limit))]


def text_fault(path: str, text: Any, limit: int) -> dict | None:
    """What keeps a text out of the database, if anything does."""
    if not isinstance(text, str):
        return fault("text_expected", path, f"{path} must be text.", "Send a JSON string.")
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        return fault(
            "bad_text",
            path,
            f"{path} has a character that cannot be stored.",
            "Send it without that character.",
        )
    if len(text) > limit:
        return fault(
            "text_too_long",
            path,
            f"{path} has {len(text)} characters; the most is {limit}.",
            f"Shorten it to {limit} characters.",
            limit=limit,
        )
    return None


def _paths(draft: OrderDraft) -> Iterator[tuple[str, Any, int]]:
    yield from ((name, getattr(draft, name), limit) for name, limit in _HEADER.items())
    for party in ("ship_to", "bill_to"):
        if (value := getattr(draft, party)) is not None:
            yield from ((f"{party}.{name}", getattr(value, name), limit) for name, limit in _PARTY.items())
    for position, line in enumerate(draft.lines):
        yield from (
            (f"lines[{position}].{name}", getattr(line, name), limit) for name, limit in _LINE.items()
        )
    for position, charge in enumerate(draft.charges):
        yield f"charges[{position}].description", charge.description, _CHARGE["description"]
    for position, tag in enumerate(draft.tags):
        yield f"tags[{position}]", tag, _TAG_LIMIT


# -- header -------------------------------------------------------------------------------------------------------


def _header_faults(draft: OrderDraft) -> list[dict]:
    found = []
    if draft.currency not in CURRENCIES:
        found.append(
            fault(
                "unknown_currency",
                "currency",
                f"{draft.currency!r:.20} is not a currency that we know.",
                "Send an ISO 4217 code such as USD.",
            )
        )
    if row := priority_fault("priority", draft.priority):
        found.append(row)
    for name in ("placed_at", "requested_delivery_at", "promised_at"):
        if row := time_fault(name, getattr(draft, name), required=name == "placed_at"):
            found.append(row)
    found += party_faults("ship_to", draft.ship_to)
    if draft.bill_to is not None:
        found += party_faults("bill_to", draft.bill_to)
    total = draft.total_minor
    if total is not None and (type(total) is not int or not 0 <= total <= LARGEST_MINOR):
        found.append(_amount_fault("total_minor", 0))
    return found


def priority_fault(path: str, value: Any) -> dict | None:
    if type(value) is int and 0 <= value <= 100:
        return None
    return fault("out_of_range", path, "The priority must be a whole number from 0 to 100.", "Send 0 to 100.")


def country_fault(path: str, value: Any) -> dict:
    return fault(
        "unknown_country",
        path,
        f"{value!r:.40} is not a country code.",
        "Send two capital letters by ISO 3166, such as US.",
    )


def time_fault(path: str, value: Any, *, required: bool = False) -> dict | None:
    if value is None and not required:
        return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        return fault(
            "bad_time",
            path,
            f"{path} must be a time with its zone.",
            "Send ISO 8601 such as 2026-03-01T12:00Z.",
        )
    if value.year not in YEARS:
        return fault(
            "bad_time",
            path,
            f"{path} is in the year {value.year}.",
            f"Send a year from {YEARS[0]} to {YEARS[-1]}.",
        )
    return None


def party_faults(path: str, party: Party) -> list[dict]:
    found = []
    if party.country and party.country not in COUNTRIES:
        found.append(country_fault(f"{path}.country", party.country))
    if (party.latitude is not None or party.longitude is not None) and not _on_earth(party):
        found.append(
            fault(
                "bad_location",
                f"{path}.latitude",
                "Latitude and longitude must be given together, within 90 and 180 degrees.",
                "Send both, or neither.",
            )
        )
    return found


def _on_earth(party: Party) -> bool:
    return all(
        type(value) in (int, float) and isfinite(value) and abs(value) <= most
        for value, most in ((party.latitude, 90), (party.longitude, 180))
    )


# -- lines and charges --------------------------------------------------------------------------------------------


def line_faults(lines: Sequence[LineDraft]) -> list[dict]:
    found, seen = [], set()
    for position, line in enumerate(lines):
        number, quantity, price = line.line_number, line.quantity, line.unit_price
        if type(number) is not int or not 0 < number <= LARGEST_LINE_NUMBER or number in seen:
            found.append(_number_fault(position, number, seen))
        else:
            seen.add(number)
        if type(quantity) is not int or not 0 < quantity <= LARGEST_QUANTITY:
            found.append(_quantity_fault(position))
        if (
            not isinstance(price, Decimal)
            or not price.is_finite()
            or not 0 <= price < LARGEST_PRICE
            or (scaled := price.scaleb(PRICE_DECIMALS)) != int(scaled)
        ):
            found.append(_price_fault(position))
        for name in ("discount_minor", "tax_minor"):
            amount = getattr(line, name)
            if type(amount) is not int or not 0 <= amount <= LARGEST_MINOR:
                found.append(_amount_fault(f"lines[{position}].{name}", 0))
        if (line.method != HOME or line.pickup_source) and (row := _method_fault(position, line)):
            found.append(row)
        if not line.sku and not line.description:
            found.append(
                fault(
                    "required",
                    f"lines[{position}].sku",
                    f"Line {number!r:.12} names neither a SKU nor a description.",
                    "Send the SKU, or a description for a write-in line.",
                )
            )
    return found


def _method_fault(position: int, line: LineDraft) -> dict | None:
    path = f"lines[{position}]"
    if line.method not in METHODS:
        return fault(
            "unknown_method",
            f"{path}.method",
            f"{line.method!r:.40} is not a fulfillment method.",
            f"Send one of {', '.join(METHODS)}.",
        )
    if line.method in AT_A_STORE and not line.pickup_source:
        return fault(
            "required",
            f"{path}.pickup_source",
            f"{line.method} ends in a store, and the line names none.",
            "Send the code of the store.",
        )
    if line.method not in AT_A_STORE and line.pickup_source:
        return fault(
            "not_for_method",
            f"{path}.pickup_source",
            f"{line.method} does not end in a store.",
            f"Leave it out, or send the method {' or '.join(AT_A_STORE)}.",
        )
    return None


def _number_fault(position: int, number: Any, seen: set[int]) -> dict:
    path = f"lines[{position}].line_number"
    if type(number) is int and number in seen:
        return fault(
            "duplicate_line_number", path, f"Line number {number} is there twice.", "Number each line once."
        )
    return fault(
        "out_of_range", path, "A line number must be a whole number from 1 on.", "Number the lines 1, 2, 3, …"
    )


def _quantity_fault(position: int) -> dict:
    return fault(
        "quantity_out_of_range",
        f"lines[{position}].quantity",
        f"The quantity must be a whole number from 1 to {LARGEST_QUANTITY:,}.",
        "Send the quantity in the base unit, as a whole number.",
        minimum=1,
        maximum=LARGEST_QUANTITY,
    )


def _price_fault(position: int) -> dict:
    return fault(
        "price_out_of_range",
        f"lines[{position}].unit_price",
        f"The price must be a number from 0 to below {LARGEST_PRICE}, with {PRICE_DECIMALS} decimals at most.",
        "Send the price of one base unit.",
        minimum=0,
    )


def _amount_fault(path: str, least: int | None, most: int = LARGEST_MINOR) -> dict:
    bounds = f"from {least} to {most}" if least is not None else f"from -{LARGEST_MINOR} to 0"
    return fault(
        "amount_out_of_range",
        path,
        f"{path} must be a whole number {bounds}.",
        "Send minor units: 12.50 USD is 1250.",
    )


def _charge_faults(charges: Sequence[ChargeDraft]) -> list[dict]:
    found = []
    for position, charge in enumerate(charges):
        if charge.kind not in _CHARGE_KINDS:
            kinds = ", ".join(sorted(_CHARGE_KINDS))
            found.append(
                fault(
                    "unknown_charge",
                    f"charges[{position}].kind",
                    f"{charge.kind!r:.20} is not a kind of charge.",
                    f"Send one of {kinds}.",
                )
            )
            continue
        amount, negative = charge.amount_minor, charge.kind == "discount"
        least, most = (-LARGEST_MINOR, 0) if negative else (0, LARGEST_MINOR)
        if type(amount) is not int or not least <= amount <= most:
            found.append(_amount_fault(f"charges[{position}].amount_minor", None if negative else 0))
    return found
