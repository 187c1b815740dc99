"""What an order adds up to, in minor units of its currency. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from iom.lib.money import LARGEST_MINOR, digits, formatted, rounded_minor
from orders.services.faults import fault
from orders.types import ChargeDraft, LineDraft, OrderDraft


@dataclass(frozen=True, slots=True)
class Amounts:
    """goods - discount + shipping + tax = total; goods is before any discount. `lines` is each line's net amount."""

    goods: int
    discount: int
    shipping: int
    tax: int
    total: int
    lines: tuple[int, ...]
    faults: tuple[dict[str, Any], ...] = ()


def amounts_of(draft: OrderDraft) -> Amounts:
    """The draft has passed `shape_faults`."""
    amounts = added_up(draft.lines, draft.charges, draft.currency)
    found = [*amounts.faults, *_total_faults(draft, amounts.total)]
    if not found:
        return amounts
    return Amounts(
        amounts.goods,
        amounts.discount,
        amounts.shipping,
        amounts.tax,
        amounts.total,
        amounts.lines,
        tuple(found),
    )


def added_up(lines: Sequence[LineDraft], charges: Sequence[ChargeDraft], currency: str) -> Amounts:
    places, goods, discount, tax, nets, found = digits(currency), 0, 0, 0, [], []
    for position, line in enumerate(lines):
        scaled = line.unit_price.scaleb(places)
        whole = int(scaled)
        gross = (
            whole * line.quantity
            if whole == scaled
            else rounded_minor(line.unit_price * line.quantity, currency)
        )
        if line.discount_minor > gross or gross > LARGEST_MINOR:
            found.append(_line_fault(position, gross, line, currency))
        goods, discount, tax = goods + gross, discount + line.discount_minor, tax + line.tax_minor
        nets.append(gross - line.discount_minor)
    by_kind = dict.fromkeys(("shipping", "handling", "discount", "tax"), 0)
    for charge in charges:
        by_kind[charge.kind] += charge.amount_minor
    discount, tax = discount - by_kind["discount"], tax + by_kind["tax"]
    shipping = by_kind["shipping"] + by_kind["handling"]
    total = goods - discount + shipping + tax
    return Amounts(goods, discount, shipping, tax, total, tuple(nets), tuple(found))


def _line_fault(position: int, gross: int, line: LineDraft, currency: str) -> dict:
    if gross > LARGEST_MINOR:
        return fault(
            "amount_out_of_range",
            f"lines[{position}].unit_price",
            f"Quantity times price of line {line.line_number} is more than can be stored.",
            "Check quantity and price.",
        )
    return fault(
        "discount_too_large",
        f"lines[{position}].discount_minor",
        f"The discount of line {line.line_number}, {formatted(line.discount_minor, currency)}, "
        f"is more than its price, {formatted(gross, currency)}.",
        "Send a discount up to the line's price.",
    )


def _total_faults(draft: OrderDraft, total: int) -> list[dict]:
    if not 0 <= total <= LARGEST_MINOR:
        return [
            fault(
                "total_out_of_range",
                "total_minor",
                f"The parts add up to {total} minor units, which no order may have.",
                "Check discounts, quantities and prices.",
                computed_minor=total,
            )
        ]
    if draft.total_minor is None or draft.total_minor == total:
        return []
    return [
        fault(
            "totals_mismatch",
            "total_minor",
            f"The total says {formatted(draft.total_minor, draft.currency)}, "
            f"its parts add up to {formatted(total, draft.currency)}.",
            "Send lines, discounts, charges and tax that add up to the total, or leave the total out.",
            given_minor=draft.total_minor,
            computed_minor=total,
        )
    ]
