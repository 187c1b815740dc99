"""Between our fulfillment orders and a 3PL's orders. Pure functions."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.dateparse import parse_datetime

from fulfillment.types import ShipmentReport, StatusReport
from iom.lib.money import rounded_minor
from providers.errors import MessageFault, ProviderGarbage

STATUSES = ("accepted", "picking", "packed", "shipped", "delivered", "rejected", "canceled")


def order_of(key: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Our payload as their order; `client_key` is what makes a repeat find the first."""
    return {
        "client_key": key,
        "reference": payload["reference"],
        "order_number": payload["order_number"],
        "warehouse": payload["source"],
        "ship_by": payload["ship_by"],
        "notes": "",
        "ship_to": payload["ship_to"],
        "lines": payload["lines"],
    }


def receipt_of(key: str, found: Any) -> dict[str, Any]:
    """What we keep of their order. Raises ProviderGarbage if it is another's or has no id."""
    if not isinstance(found, dict) or type(found.get("id")) not in (str, int) or not found["id"]:
        raise ProviderGarbage("The answer names no order id.")
    if found.get("client_key", key) != key:
        raise ProviderGarbage("The answer is about another order.")
    return {"id": str(found["id"])[:100], "status": str(found.get("status", ""))[:40]}


def status_of(fulfillment_order_id: int, data: Mapping[str, Any]) -> StatusReport:
    status = str(data.get("status") or "")
    if status not in STATUSES:
        raise MessageFault("unknown_status", f"The 3PL reports a status that we do not know: {status!r}.")
    sequence = data.get("sequence", 0)
    if type(sequence) is not int or not 0 <= sequence < 2**62:
        raise MessageFault("bad_sequence", "The sequence of the report is not a whole number.")
    return StatusReport(
        fulfillment_order_id, status, sequence, external_id=str(data.get("id") or "")[:100],
        reason=str(data.get("reason") or "")[:200],
    )  # fmt: skip


def shipment_of(
    connection_id: int, fulfillment_order_id: int, data: Mapping[str, Any]
) -> ShipmentReport | None:
    """The packages of a report; None if it says "shipped" only."""
    found = data.get("shipment")
    if not isinstance(found, dict) or not found.get("id"):
        return None
    return ShipmentReport(
        key=f"3pl:{connection_id}:{found['id']}"[:100],
        fulfillment_order_id=fulfillment_order_id,
        carrier=str(found.get("carrier") or "")[:40],
        service=str(found.get("service") or "")[:40],
        tracking_number=str(found.get("tracking_number") or "")[:80],
        tracking_url=_link(found.get("tracking_url")),
        shipped_at=_when(found.get("shipped_at")),
        lines=_lines(found.get("lines")),
        sequence=int(data.get("sequence") or 0),
        cost_minor=_cost(found),
    )


def _link(text: Any) -> str:
    """Shown to people as a link, so nothing but https passes."""
    return str(text) if isinstance(text, str) and text.startswith("https://") and len(text) <= 500 else ""


def _when(text: Any) -> datetime:
    try:
        found = parse_datetime(str(text))
    except ValueError:
        found = None
    if not found or not found.tzinfo:
        raise MessageFault("bad_time", f"The time of the shipment cannot be read: {str(text)[:40]!r}.")
    return found


def _lines(rows: Any) -> dict[int, int] | None:
    if rows is None:
        return None
    try:
        found = {int(row["line"]): int(row["quantity"]) for row in rows}
    except (KeyError, TypeError, ValueError):
        raise MessageFault("bad_lines", "The lines of the shipment cannot be read.") from None
    if any(not 0 < units < 10**9 for units in found.values()):
        raise MessageFault("bad_quantity", "A quantity of the shipment is not possible.")
    return found


def _cost(found: Mapping[str, Any]) -> int | None:
    try:
        cost = Decimal(str(found["cost"]))
        return rounded_minor(cost, str(found.get("currency") or "USD")) if cost.is_finite() else None
    except (KeyError, InvalidOperation):
        return None
