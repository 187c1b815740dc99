"""What we tell providers, from our own rows: one canonical form, which each adapter turns into its vendor's."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from decimal import Decimal
from typing import Any

from fulfillment.models import FulfillmentLine, FulfillmentOrder, Shipment
from iom.lib.money import digits, rounded_minor
from orders.models import Charge, Order, OrderLine
from orders.numbers import number_of
from providers.models import ProviderRequest
from providers.registry import action, provider_actions


def build(action_key: str, record_ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """Payload by record; a fixed number of queries for one record or a thousand."""
    return BUILDERS[action(action_key).action_type](list(record_ids)) if record_ids else {}


def _work(ids: Collection[int]) -> tuple[list[FulfillmentOrder], dict[int, list[FulfillmentLine]]]:
    work = FulfillmentOrder.objects.filter(pk__in=ids).select_related("order", "source", "order__customer")
    lines: dict[int, list[FulfillmentLine]] = defaultdict(list)
    found = FulfillmentLine.objects.filter(fulfillment_order_id__in=ids).select_related("order_line")
    for line in found.order_by("pk"):
        lines[line.fulfillment_order_id].append(line)
    return list(work.order_by("pk")), lines


SENT = ("name", "line1", "line2", "city", "region", "postal_code", "country")
SENT_FIELDS = (
    "pk", "order_id", "source__code", "ship_by", "order__customer_phone", "order__customer_email",
    *(f"order__ship_to_{part}" for part in SENT),
)  # fmt: skip


def _send(ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """Read without the columns that change on the way, so that nothing has to be written before."""
    lines: dict[int, list[dict]] = defaultdict(list)
    rows = FulfillmentLine.objects.filter(fulfillment_order_id__in=ids).order_by("pk")
    for owner, pk, sku, description, quantity in rows.values_list(
        "fulfillment_order_id", "pk", "order_line__sku", "order_line__description", "quantity"
    ):
        lines[owner].append({"line": str(pk), "sku": sku, "description": description, "quantity": quantity})
    work = FulfillmentOrder.objects.filter(pk__in=ids).order_by("pk").values_list(*SENT_FIELDS)
    return {
        pk: {
            "reference": FulfillmentOrder(pk=pk).number,
            "order_number": number_of(order_id),
            "source": source,
            "ship_by": ship_by.isoformat() if ship_by else None,
            "ship_to": _ship_to(phone, email, address),
            "lines": lines[pk],
        }
        for pk, order_id, source, ship_by, phone, email, *address in work
    }


def _ship_to(phone: str, email: str, address: Iterable[str]) -> dict[str, str]:
    return {**dict(zip(SENT, address, strict=True)), "phone": phone, "email": email}


def _customer(name: str, email: str, code: str | None) -> dict[str, str]:
    return {"name": name, "email": email, "code": code or ""}


def _cancel(ids: Collection[int]) -> dict[int, dict[str, Any]]:
    return {
        item.pk: {"reference": item.number, "external_id": item.external_id, "reason": "canceled"}
        for item in FulfillmentOrder.objects.filter(pk__in=ids).order_by("pk")
    }


def _invoice(ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """What each shipped, at the order's prices. All invoices of an order together are its total to the last unit."""
    work, lines = _work(ids)
    before = _invoiced_before(work)
    charges: dict[int, int] = defaultdict(int)
    for order_id, amount in Charge.objects.filter(order__in=[item.order_id for item in work]).values_list(
        "order_id", "amount_minor"
    ):
        charges[order_id] += amount
    found = {}
    for item in work:
        units = before[item.order_id]
        # What belongs to the order as a whole goes with its first invoice.
        extra = 0 if units else charges[item.order_id]
        found[item.pk] = _invoice_of(item, lines[item.pk], units, extra)
        for line in lines[item.pk]:
            units[line.order_line_id] += _units(line)
    return found


def _invoiced_before(work: Iterable[FulfillmentOrder]) -> dict[int, Counter]:
    """Units by order line that earlier invoices of these orders have, by order."""
    mine = {item.pk for item in work}
    asked = ProviderRequest.objects.filter(
        order__in={item.order_id for item in work}, entity="fulfillment_order", action__in=_invoicing()
    )
    asked = asked.exclude(state=ProviderRequest.State.CANCELED)  # a failed one may be sent again as it is
    others = set(asked.values_list("record_id", flat=True)) - mine
    before: dict[int, Counter] = defaultdict(Counter)
    for line in FulfillmentLine.objects.filter(fulfillment_order__in=others).select_related(
        "fulfillment_order"
    ):
        before[line.fulfillment_order.order_id][line.order_line_id] += _units(line)
    return before


def _invoicing() -> list[str]:
    return [item.key for item in provider_actions() if item.action_type == "send_to_invoice"]


def _units(line: FulfillmentLine) -> int:
    return line.quantity_shipped or line.quantity


def _invoice_of(
    item: FulfillmentOrder, lines: Iterable[FulfillmentLine], before: Counter, extra: int
) -> dict[str, Any]:
    order, rows = item.order, []
    for line in lines:
        sold, begin = line.order_line, before[line.order_line_id]
        share = _worth(sold, begin + _units(line), order.currency) - _worth(sold, begin, order.currency)
        rows.append(
            {"sku": sold.sku, "description": sold.description, "quantity": _units(line),
             "unit_price": f"{sold.unit_price:.{max(2, digits(order.currency))}f}", "amount_minor": share}
        )  # fmt: skip
    if extra:
        price = f"{Decimal(extra).scaleb(-digits(order.currency)):f}"
        rows.append(
            {"sku": "", "description": "Shipping and charges", "quantity": 1, "unit_price": price, "amount_minor": extra}
        )  # fmt: skip
    return {
        "reference": item.number,
        "order_number": order.number,
        "currency": order.currency,
        "customer": _customer(
            order.customer_name, order.customer_email, order.customer.code if order.customer else ""
        ),
        "lines": rows,
        "amount_minor": sum(row["amount_minor"] for row in rows),
    }


def _worth(sold: OrderLine, units: int, currency: str) -> int:
    """What the first so many units of a line come to; differences of this add up without losing a cent."""
    rest = sold.tax_minor - sold.discount_minor
    return rounded_minor(sold.unit_price * units, currency) + rest * units // sold.quantity


def _status(ids: Collection[int]) -> dict[int, dict[str, Any]]:
    rows = Order.objects.filter(pk__in=ids).order_by("pk").values_list("pk", "external_id", "state")
    return {pk: {"external_id": external_id, "state": state} for pk, external_id, state in rows}


def _shipment(ids: Collection[int]) -> dict[int, dict[str, Any]]:
    work, lines = _work(ids)
    shipped = Shipment.objects.filter(fulfillment_order_id__in=ids).order_by("-pk")
    latest = {shipment.fulfillment_order_id: shipment for shipment in shipped}
    return {item.pk: _shipment_of(item, lines[item.pk], latest.get(item.pk)) for item in work}


def _shipment_of(item: FulfillmentOrder, lines: Iterable[FulfillmentLine], found: Shipment | None) -> dict:
    return {
        "external_id": item.order.external_id,
        "reference": item.number,
        "carrier": found.carrier if found else "",
        "tracking_number": found.tracking_number if found else "",
        "lines": [
            {"line_number": n.order_line.line_number, "sku": n.order_line.sku, "quantity": n.quantity_shipped}
            for n in lines
            if n.quantity_shipped
        ],
    }


BUILDERS: dict[str, Callable[[Collection[int]], dict[int, dict[str, Any]]]] = {
    "send_to_fulfillment": _send,
    "cancel_fulfillment": _cancel,
    "send_to_invoice": _invoice,
    "write_status": _status,
    "write_shipment": _shipment,
}


# -- the part that is made from the order's own fields ----------------------------------------------------------------

# action type: (name in the payload, fields of the order that people may correct, others, how the part is made)
HEADERS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...], Callable[..., dict[str, Any]]]] = {
    "send_to_fulfillment": (
        "ship_to", ("customer_phone", "customer_email", *(f"ship_to_{part}" for part in SENT)), (),
        lambda phone, email, *address: _ship_to(phone, email, address),
    ),
    "send_to_invoice": ("customer", ("customer_name", "customer_email"), ("customer__code",), _customer),
}  # fmt: skip


def order_fields(action_key: str) -> tuple[str, ...]:
    """Fields of the order that this action tells its provider; () if it tells none that a person may edit."""
    kinds = {item.key: item.action_type for item in provider_actions()}
    found = HEADERS.get(kinds.get(action_key, ""))
    return found[1] if found else ()


def corrected(requests: Iterable[ProviderRequest]) -> list[ProviderRequest]:
    """Those whose order says something else by now, with their payload brought up to it; lines and amounts stay.

    Nothing is saved. One query for each action type.
    """
    by_type: dict[str, list[ProviderRequest]] = defaultdict(list)
    for request in requests:
        if request.order_id and (kind := action(request.action).action_type) in HEADERS:
            by_type[kind].append(request)
    changed = []
    for kind, group in sorted(by_type.items()):
        part, editable, others, make = HEADERS[kind]
        orders = Order.objects.filter(pk__in={request.order_id for request in group})
        now = {pk: make(*row) for pk, *row in orders.values_list("pk", *editable, *others)}
        for request in group:
            told = now.get(request.order_id)
            if told and request.payload.get(part) != told:
                request.payload = {**request.payload, part: told}
                changed.append(request)
    return changed
