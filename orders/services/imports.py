"""Tables of orders and customers, in chunks through the same intake as every channel."""

from collections.abc import Sequence
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import transaction

from iom.lib import imports
from iom.lib.imports import BadCell, Report, cell, required
from iom.lib.tabular import Row
from orders.models import Channel, Customer
from orders.services.intake import create_orders
from orders.types import ChargeDraft, LineDraft, OrderDraft, Party

CUSTOMER = ("customer_code", "customer_name", "customer_email", "customer_phone", "customer_reference")
PARTY = ("name", "line1", "line2", "city", "region", "postal_code", "country")
HEADER = (
    "channel", "external_id", "currency", "placed_at", *CUSTOMER, *(f"ship_to_{part}" for part in PARTY),
    "priority", "notes", "shipping_minor", "total_minor",
)  # fmt: skip
LINE = ("line_number", "sku", "description", "quantity", "unit_price", "discount_minor", "tax_minor")
ORDER_COLUMNS = (*HEADER, *LINE)
ORDER_REQUIRED = ("channel", "external_id", "placed_at", "sku", "quantity", "unit_price")
ORDER_TEXTS = frozenset({
    "channel", "external_id", "customer_code", "customer_phone", "customer_reference", "ship_to_postal_code", "sku",
})  # fmt: skip
ORDER_TIMES = frozenset({"placed_at"})
CUSTOMER_TEXTS = frozenset({"code", "phone"})
AT_ONCE = 500  # orders in one call of the intake
CUSTOMER_COLUMNS = ("code", "kind", "name", "email", "phone", "group", "credit_hold", "active")


def group_orders(rows: Sequence[Row], report: Report) -> list[list[Row]]:
    """One row is one line; rows of one channel and external id are one order, wherever they stand."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        key = row.values.get("channel", ""), row.values.get("external_id", "")
        if all(key):
            groups.setdefault(key, []).append(row)
        else:
            report.fail([row], row.fault or f"{'external_id' if key[0] else 'channel'} is empty")
    return list(groups.values())


def take_orders(groups: Sequence[list[Row]], report: Report, *, actor: str) -> None:
    """Make these orders; one with a bad row is not made, and each of its rows is reported.

    The time of placing must be there: with our clock instead, the same file again would be another order. One that is
    there already counts as same.
    """
    channels = {channel.key: channel for channel in Channel.objects.all()}
    for start in range(0, len(groups), AT_ONCE):
        _create(groups[start : start + AT_ONCE], channels, report, actor)


def group_customers(rows: Sequence[Row], report: Report) -> list[list[Row]]:
    seen: dict[str, int] = {}
    kept = []
    for row in rows:
        code = row.values.get("code", "")
        if row.fault or code in seen:
            report.fail([row], row.fault or f"{code} stands in line {seen[code]} already")
        else:
            seen[code] = row.line
            kept.append([row])
    return kept


def take_customers(groups: Sequence[list[Row]], report: Report, *, actor: str) -> None:
    """Make or change customers by code; columns that are not in the file stay as they are."""
    _write_customers([row for group in groups for row in group], report)


# -- orders -------------------------------------------------------------------------------------------------------


def _create(groups: Sequence[list[Row]], channels: dict[str, Channel], report: Report, actor: str) -> None:
    drafts, sent = [], []
    for rows in groups:
        try:
            drafts.append(_draft(rows, channels))
            sent.append(rows)
        except BadCell as error:
            _fail(rows, error, report)
    for rows, intake in zip(sent, create_orders(drafts, actor=actor), strict=True):
        if intake.result in ("refused", "conflict"):
            report.fail(rows, " ".join(str(fault["message"]) for fault in intake.errors))
        elif intake.result == "created":
            report.taken += len(rows)
        else:
            report.same += len(rows)


class _BadRow(BadCell):
    """One of the rows of an order: the others are not taken because of it."""

    def __init__(self, row: Row, sentence: str) -> None:
        self.line = row.line
        super().__init__(sentence)


def _fail(rows: Sequence[Row], error: BadCell, report: Report) -> None:
    """The bad row says what is wrong with it, the others of its order which row that is."""
    line = getattr(error, "line", None)
    for row in rows:
        is_it = line in (None, row.line)
        report.fail([row], str(error) if is_it else f"not taken because of line {line}: {error}")


def _draft(rows: Sequence[Row], channels: dict[str, Channel]) -> OrderDraft:
    first = rows[0]
    if bad := next((row for row in rows if row.fault), None):
        raise _BadRow(bad, bad.fault)
    _check_same(rows)
    key = first.values["channel"]
    if key not in channels:
        raise BadCell(f"there is no channel “{key:.40}”")
    shipping = cell(first, "shipping_minor", imports.whole, 0)
    return OrderDraft(
        channel_id=channels[key].pk,
        external_id=first.values["external_id"],
        currency=cell(first, "currency", default=channels[key].currency).upper(),
        placed_at=required(first, "placed_at", imports.moment),
        ship_to=Party(**{part: cell(first, f"ship_to_{part}") for part in PARTY}),
        lines=tuple(_line(row, number) for number, row in enumerate(rows, start=1)),
        charges=(ChargeDraft("shipping", shipping),) if shipping else (),
        priority=cell(first, "priority", imports.whole, 50),
        total_minor=cell(first, "total_minor", imports.whole, None),
        notes=cell(first, "notes"),
        **{name: cell(first, name) for name in CUSTOMER},
    )


def _check_same(rows: Sequence[Row]) -> None:
    """What belongs to the order must be empty or the same in each of its rows."""
    first = rows[0]
    said = list(map(first.values.get, HEADER))
    for row in rows[1:]:
        texts = list(map(row.values.get, HEADER))
        if texts == said:
            continue
        for name, text, known in zip(HEADER, texts, said, strict=True):
            if text and text != (known or ""):
                raise BadCell(
                    f"{name} in line {row.line} is not what line {first.line} says for the same order"
                )


def _line(row: Row, number: int) -> LineDraft:
    try:
        return LineDraft(
            line_number=cell(row, "line_number", imports.whole, number),
            sku=required(row, "sku"),
            quantity=required(row, "quantity", imports.whole),
            unit_price=cell(row, "unit_price", imports.decimal, Decimal(0)),
            description=cell(row, "description"),
            discount_minor=cell(row, "discount_minor", imports.whole, 0),
            tax_minor=cell(row, "tax_minor", imports.whole, 0),
        )
    except BadCell as error:
        raise _BadRow(row, str(error)) from error


# -- customers ----------------------------------------------------------------------------------------------------


@transaction.atomic
def _write_customers(rows: Sequence[Row], report: Report) -> None:
    codes = [row.values.get("code", "") for row in rows]
    present = {customer.code: customer for customer in Customer.objects.filter(code__in=codes)}
    new, changed, fields = [], [], set()
    for row in rows:
        try:
            values = _customer_values(row)
            customer = present.get(values["code"]) or Customer()
            for name, value in values.items():
                setattr(customer, name, value)
            customer.clean_fields()
        except (BadCell, ValidationError) as error:
            report.fail([row], _sentence(error))
            continue
        (changed if customer.pk else new).append(customer)
        fields |= values.keys()
    Customer.objects.bulk_create(new)
    if changed and (names := sorted(fields - {"code"})):
        Customer.objects.bulk_update(changed, names)
    report.taken += len(new) + len(changed)


def _customer_values(row: Row) -> dict[str, object]:
    required(row, "code")
    types = {"credit_hold": imports.truth, "active": imports.truth}
    return {n: cell(row, n, types.get(n, str)) for n in CUSTOMER_COLUMNS if row.values.get(n)}


def _sentence(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items())
    return str(error)
