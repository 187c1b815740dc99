"""What is done with messages of a kind: first what needs calls (`prepare`), then what writes (`apply`), both a batch at a time."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction

from fulfillment.models import FulfillmentOrder
from fulfillment.querysets import lock_owners
from fulfillment.services import execution
from orders.models import Order
from orders.services.customers import add_missing_customers
from orders.services.intake import create_orders
from providers.adapters.bigcommerce import adapter as bigcommerce
from providers.adapters.bigcommerce.fetching import Fetched
from providers.adapters.billing.transformations import receipt_of
from providers.adapters.threepl.transformations import shipment_of, status_of
from providers.errors import MessageFault, MessageIgnored, MessageWaits, ProviderError, ProviderUnavailable
from providers.models import ExternalId, InboxMessage, ProviderConnection, ProviderRequest
from providers.registry import provider
from providers.services import effects, gates
from providers.services.connections import link_of
from providers.services.results import verdict
from providers.services.stock_feed import take_levels

Results = dict[InboxMessage, Any]


def name_of(connection: ProviderConnection, topic: str) -> str:
    return next((item.handler for item in provider(connection.provider).topics if item.key == topic), "")


def prepare(
    name: str, connection: ProviderConnection, group: Sequence[InboxMessage]
) -> tuple[Results, Results]:
    """(what can be applied, what failed). Calls happen here, outside any transaction."""
    ready: Results = {}
    failed: Results = {}
    for message in group:
        try:
            ready[message] = _data(message)
        except MessageFault as error:
            failed[message] = error
    if name in FETCHED:
        ready, refused = _fetched(connection, ready, known=FETCHED[name])
        failed |= refused
    return ready, failed


def apply(name: str, connection: ProviderConnection, ready: Results) -> Results:
    """Inside a transaction; message -> order id, or the error that became of it alone. Raising spoils the batch."""
    if not ready:
        return {}
    handler = HANDLERS.get(name)
    if handler is None:
        return {
            message: MessageFault("unknown_topic", f"Nothing here knows the topic “{message.topic}”.")
            for message in ready
        }
    return handler(connection, ready)


def _data(message: InboxMessage) -> Mapping[str, Any]:
    try:
        found = json.loads(bytes(message.body))
    except (ValueError, RecursionError):
        raise MessageFault("not_json", "The message is not JSON.") from None
    if not isinstance(found, dict) or not isinstance(found.get("data"), dict):
        raise MessageFault("bad_shape", "The message has no data.")
    return found["data"]


# -- orders of a shop ---------------------------------------------------------------------------------------------


def _fetched(connection: ProviderConnection, ready: Results, *, known: bool) -> tuple[Results, Results]:
    """The orders that the messages name, each fetched once; with `known` not those that we have already."""
    if connection.channel_id is None:
        fault = MessageFault("no_channel", "The connection has no channel; choose one and replay.")
        return {}, dict.fromkeys(ready, fault)
    wanted, failed = {}, {}
    for message, data in ready.items():
        if type(data.get("id")) is int and 0 < data["id"] < 2**63:
            wanted[message] = data["id"]
        else:
            failed[message] = MessageFault("no_order_id", "The message names no order.")
    found: dict[int, Any] = _had(connection, wanted.values()) if known else {}
    found |= _from_shop(connection, set(wanted.values()) - found.keys())
    taken = {message: found[order] for message, order in wanted.items()}
    failed |= {message: fault for message, fault in taken.items() if isinstance(fault, Exception)}
    return {message: order for message, order in taken.items() if message not in failed}, failed


def _had(connection: ProviderConnection, numbers: Iterable[int]) -> dict[int, int]:
    """Our order by the shop's number."""
    rows = Order.objects.filter(channel=connection.channel_id, external_id__in={str(n) for n in numbers})
    return {int(number): pk for number, pk in rows.values_list("external_id", "pk")}


def _from_shop(connection: ProviderConnection, numbers: Collection[int]) -> dict[int, Any]:
    """One that is closed to calls is not called for messages either."""
    if not numbers:
        return {}
    if wait := gates.closed_for(connection.pk):
        late = ProviderUnavailable("The shop is not called for the moment.", retry_after=wait, code="closed")
        return dict.fromkeys(numbers, late)
    found = bigcommerce.fetch(link_of(connection), numbers, channel_id=connection.channel_id)
    answers = [
        {} if isinstance(item, Fetched | MessageFault | MessageIgnored) else item for item in found.values()
    ]
    with transaction.atomic():
        gates.note(connection.pk, verdict(answers))
    return found


def _orders(connection: ProviderConnection, ready: Results) -> Results:
    """A message is ready with what was fetched, or with the id of an order that we have."""
    results: Results = {message: item for message, item in ready.items() if not isinstance(item, Fetched)}
    fresh = {message: item for message, item in ready.items() if message not in results}
    add_missing_customers([item.customer for item in fresh.values() if item.customer])
    answers = create_orders([item.draft for item in fresh.values()], actor=f"provider:{connection.key}")
    return results | {message: _taken(answer) for message, answer in zip(fresh, answers, strict=True)}


def _taken(answer) -> Any:
    if answer.result in ("created", "existing"):
        return answer.order_id
    code = (
        "order_changed"
        if answer.result == "conflict"
        else str(answer.errors[0]["code"] if answer.errors else "refused")
    )
    return MessageFault(
        code, " ".join(str(row["message"]) for row in answer.errors) or "The order was refused."
    )


# -- reports of a 3PL ---------------------------------------------------------------------------------------------


def _reports(connection: ProviderConnection, ready: Results) -> Results:
    """Statuses and shipments of a batch; which are ours is asked once for all."""
    ids = _records(connection, ready.values())
    results: Results = {}
    owners = dict(FulfillmentOrder.objects.filter(pk__in=set(ids.values())).values_list("pk", "order_id"))
    statuses, shipments, told = [], [], {}
    for message, data in ready.items():
        pk = next((ids[key] for key in _names(data) if key in ids), None)
        if pk not in owners:
            results[message] = MessageFault(
                "unknown_order", "The report is about an order that we did not send there."
            )
            continue
        try:
            report = status_of(pk, data)
            shipment = (
                shipment_of(connection.pk, pk, data) if report.status in ("shipped", "delivered") else None
            )
        except MessageFault as error:
            results[message] = error
            continue
        told.setdefault(pk, []).append(message)
        statuses.append(report)
        shipments += [shipment] if shipment else []
    refused = _report(statuses, shipments, f"provider:{connection.key}")
    for pk, messages in told.items():
        for message in messages:
            results[message] = _end(refused.get(pk, ""), owners[pk])
    return results


def _report(statuses: Sequence, shipments: Sequence, actor: str) -> dict[int, str]:
    """Packages first: a status of "shipped" without details would leave none to tell."""
    if statuses and shipments:  # each locks its own orders: of both, all in one order first
        lock_owners({row.fulfillment_order_id for row in (*statuses, *shipments)})
    refused: dict[int, str] = {}
    unique = list({item.key: item for item in shipments}.values())
    if unique:
        refused |= execution.ship(unique, actor=actor).refused
    if statuses:
        refused |= execution.report_status(statuses, actor=actor).refused
    return refused


def _end(sentence: str, order_id: int) -> Any:
    if sentence.startswith("waits for:"):
        return MessageWaits(sentence)
    return MessageFault("refused", sentence) if sentence else order_id


def _names(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The names that an order of ours may go by in a report, the surest first."""
    pairs = (("key", data.get("client_key")), ("number", data.get("reference")), ("id", data.get("id")))
    return [(kind, str(value)) for kind, value in pairs if value]


def _records(connection: ProviderConnection, rows) -> dict[tuple[str, str], int]:
    """Our fulfillment orders by our key, our number or their id; only what this connection was asked for.

    The key was committed before our call, so a report that overtakes the answer to that call finds its order.
    """
    names = [name for data in rows for name in _names(data)]
    keys = [value for kind, value in names if kind == "key"]
    numbers = {
        int(v[3:]) - 1000: v
        for k, v in names
        if k == "number" and v[:3] == "FO-" and v[3:].isdecimal() and len(v) < 20
    }
    sent = ProviderRequest.objects.filter(connection=connection, entity="fulfillment_order")
    found = {("key", key): pk for key, pk in sent.filter(key__in=keys).values_list("key", "record_id")}
    for pk in sent.filter(record_id__in=numbers).values_list("record_id", flat=True):
        found[("number", numbers[pk])] = pk
    theirs = [value for kind, value in names if kind == "id"]
    known = ExternalId.objects.filter(
        connection=connection, entity="fulfillment_order", external_id__in=theirs
    )
    found |= {("id", text): pk for text, pk in known.values_list("external_id", "record_id")}
    return found


# -- invoices -----------------------------------------------------------------------------------------------------


def _invoices(connection: ProviderConnection, ready: Results) -> Results:
    ids = _records(connection, ready.values())
    results, rows = {}, {}
    for message, data in ready.items():
        pk = next((ids[key] for key in _names(data) if key in ids), None)
        if pk is None:
            results[message] = MessageFault("unknown_order", "The invoice is for nothing that we asked for.")
            continue
        try:
            rows[message] = effects.invoice_row(pk, receipt_of(str(data.get("client_key")), data))
        except ProviderError as error:
            results[message] = MessageFault("bad_shape", str(error))
    owners = dict(
        FulfillmentOrder.objects.filter(pk__in=[r.fulfillment_order_id for r in rows.values()]).values_list(
            "pk", "order_id"
        )
    )
    refused = (
        execution.record_invoices(list(rows.values()), actor=f"provider:{connection.key}").refused
        if rows
        else {}
    )
    for message, row in rows.items():
        results[message] = _end(refused.get(row.fulfillment_order_id, ""), owners[row.fulfillment_order_id])
    return results


# Messages that only name an order -> whether it is enough that we have it.
FETCHED = {"bigcommerce_order": True, "bigcommerce_change": False}
HANDLERS: dict[str, Callable[[ProviderConnection, Results], Results]] = {
    "bigcommerce_order": _orders,
    "bigcommerce_change": _orders,
    "threepl_status": _reports,
    "threepl_stock": take_levels,
    "billing_invoice": _invoices,
}
