"""What a golden order is made from: a real order without its buyer, the stock it could take, what its run did."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import F, Q, Sum

from fulfillment.models import FulfillmentLine, FulfillmentOrder
from inventory.models import InventoryPosition
from orchestration.engine.graph import walk
from orchestration.models import Flow, FlowRun, StepResult, StepRun
from orchestration.services.golden_words import normal
from orchestration.services.simulation import failable
from orders.api.documents import order_document
from orders.models import Order
from providers.models import ProviderRequest

KEPT = ("channel", "external_id", "currency", "customer_code", "sales_origin", "priority", "placed_at", "requested_delivery_at", "promised_at")  # fmt: skip
PLACE = ("city", "region", "postal_code", "country", "latitude", "longitude")
LINE = ("line_number", "sku", "description", "quantity", "unit_price", "discount", "tax")
BUYER = "Sample customer"


def document_of(order_id: int) -> tuple[dict[str, Any] | None, str]:
    """The order as the API takes it, and its number. Who bought it and the street stay here."""
    if not Order.objects.filter(pk=order_id).exists():
        return None, ""
    found = order_document(order_id)
    document = {name: found[name] for name in KEPT if found[name] not in (None, "")}
    place = {name: found["ship_to"][name] for name in PLACE if found["ship_to"][name] not in (None, "")}
    return {
        **document,
        "customer_name": BUYER if found["customer_name"] else "",
        "ship_to": {"name": BUYER, "line1": "1 Sample Street" if found["ship_to"]["line1"] else "", **place},
        "lines": [
            {name: line[name] for name in LINE if line[name] not in (None, "")}
            for line in found["lines"]
            if line["state"] != "canceled"
        ],
        "charges": [
            {name: charge[name] for name in ("kind", "description", "amount") if charge[name]}
            for charge in found["charges"]
        ],
        "tags": found["tags"],
    }, found["number"]


def stock_of(order_id: int) -> list[list]:
    """[sku, source, units] that such an order could take today, together with what this one took; three queries."""
    free = _free(Order.objects.get(pk=order_id).lines.values_list("sku", flat=True))
    gone = (FulfillmentOrder.State.CANCELED, FulfillmentOrder.State.REJECTED)
    work = FulfillmentLine.objects.filter(fulfillment_order__order=order_id)
    taken = (
        work.exclude(fulfillment_order__state__in=gone)
        .values_list("product__sku", "fulfillment_order__source__code")
        .annotate(units=Sum("quantity"))
    )
    for sku, source, units in taken:
        free[(sku, source)] = free.get((sku, source), 0) + units
    return _rows(free)


def stock_for(document: Mapping[str, Any]) -> list[list]:
    """[sku, source, units] that there is today for the products of a document."""
    lines = document.get("lines")
    rows = [line for line in lines if isinstance(line, dict)] if isinstance(lines, list) else []
    return _rows(_free(str(line.get("sku", "")) for line in rows))


def _free(skus: Iterable[str]) -> dict[tuple[str, str], int]:
    units = F("on_hand") - F("reserved") - F("safety_stock")
    rows = InventoryPosition.objects.filter(product__sku__in=list(skus)).annotate(units=units)
    return {
        (sku, source): max(0, units)
        for sku, source, units in rows.values_list("product__sku", "source__code", "units")
    }


def _rows(free: Mapping[tuple[str, str], int]) -> list[list]:
    return [[sku, source, units] for (sku, source), units in sorted(free.items()) if units]


def last_run(flow: Flow, order_id: int) -> FlowRun | None:
    return FlowRun.objects.filter(flow=flow, order=order_id).select_related("version").order_by("-pk").first()


def what_happened(run: FlowRun) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the world outside did, and the path and end of the run, as a golden order keeps them."""
    results = list(StepResult.objects.filter(order=run.order_id, run=run).order_by("pk"))
    tokens = list(StepRun.objects.filter(run=run).order_by("pk"))
    others = Q(key__startswith="run:") & ~Q(
        key__startswith=f"run:{run.pk}/"
    )  # what other flows asked of providers
    asked = ProviderRequest.objects.filter(order=run.order_id).exclude(others)
    expected = normal(
        [(result.step, result.result, _branches(result)) for result in results],
        Order.objects.values_list("state", flat=True).get(pk=run.order_id),
        [(token.step, token.state) for token in tokens],
        Counter(asked.values_list("action", flat=True)),
    )
    return _choices(run, results, tokens), expected


def _branches(result: StepResult) -> list[str]:
    one = result.detail.get("branch")
    return [one] if one else list(result.detail.get("branches") or {})


def _choices(run: FlowRun, results: list[StepResult], tokens: list[StepRun]) -> dict[str, Any]:
    nodes = {node["key"]: node for node in walk(run.version.definition.get("steps", []))}
    ends: dict[str, list[str]] = defaultdict(list)
    for result in results:
        if result.result != StepResult.Result.REQUESTED:
            ends[result.step].append(result.result)
    stopped = {token.step for token in tokens if token.state == StepRun.State.FAILED}
    holds = {key for key, node in nodes.items() if node.get("action") == "hold"}
    waits = {token.step for token in tokens if token.state == StepRun.State.WAITING} - holds
    failing = [key for key, _ in failable(nodes.values()) if key in stopped or ends[key][-1:] == ["failure"]]
    return {
        "failing": failing,
        "events_happen": not waits,
        "holds_released": any("success" in ends[key] for key in holds),
    }
