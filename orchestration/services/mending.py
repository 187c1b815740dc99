"""What is mended before rows are repaired: the usual reasons for which orders stop, each by the service that a person uses.

A fix is `{"kind": …, **values}` and is kept with the repair job, which applies it chunk by chunk, each chunk together with
its repair in one transaction:

    {"kind": "order", "ship_to_country": "US", …}         fields of the order
    {"kind": "credit"}                                     the customer's credit hold
    {"kind": "source", "source_list": key}                 where lines may be taken from; "" for anywhere
    {"kind": "source", "source": code}                     the one source that lines are taken from
    {"kind": "product", "sku": theirs, "product": ours}    a SKU that is not known here
"""

from collections.abc import Callable, Mapping
from typing import Any

from fulfillment.models import SourceList
from fulfillment.services.directing import send_to_source
from inventory.models import FulfillmentSource
from inventory.services.catalog import stand_in
from orchestration.errors import OrchestrationError
from orders.errors import InvalidChange
from orders.services import fields, mending

Refused = dict[int, str]  # order id -> why


class BadFix(OrchestrationError):
    code = "bad_fix"
    status = 422


def permission_of(fix: Mapping[str, Any]) -> str:
    """What a person needs beside the permission to repair. Raises BadFix for a fix that is none."""
    if fix.get("kind") not in KINDS:
        raise BadFix("There is no such fix.")
    return KINDS[fix["kind"]][0]


def check(fix: Mapping[str, Any], target: str) -> None:
    """Raises BadFix with a sentence for each thing that is wrong, before anything is touched."""
    permission_of(fix)
    if target not in KINDS[fix["kind"]][1]:
        raise BadFix("This fix does not help here.")
    KINDS[fix["kind"]][2](fix)


def words(fix: Mapping[str, Any]) -> str:
    """`set ship to country to US`."""
    match fix.get("kind"):
        case "order":
            return ", ".join(
                f"set {name.replace('_', ' ')} to {value or 'nothing'}"
                for name, value in _values(fix).items()
            )
        case "credit":
            return "take the customer off credit hold"
        case "source":
            if "source" in fix:
                return f"source from {fix['source']} and nowhere else"
            return f"source from {fix['source_list']} only" if fix["source_list"] else "source from anywhere"
        case "product":
            return f"take {fix['sku']} for {fix['product']}"
    return ""


def apply(fix: Mapping[str, Any], order_ids: list[int], *, actor: str) -> Refused:
    """Mend what these orders have; those that could not be mended and why. The fix is checked."""
    return KINDS[fix["kind"]][3](fix, order_ids, actor)


def _values(fix: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fix.items() if name != "kind"}


def _check_order(fix: Mapping[str, Any]) -> None:
    if not _values(fix):
        raise BadFix("Say what the orders should have instead.")
    try:
        fields.check(_values(fix))
    except InvalidChange as error:
        raise BadFix(str(error)) from error


def _check_source(fix: Mapping[str, Any]) -> None:
    if {"source", "source_list"} <= set(fix):
        raise BadFix("Choose a source list or one source, not both.")
    if set(fix) == {"kind", "source"}:
        _one_source(fix["source"])
        return
    key = fix.get("source_list")
    if set(fix) != {"kind", "source_list"} or not isinstance(key, str):
        raise BadFix("Choose a source list.")
    if key and not SourceList.objects.filter(key=key, sources__isnull=False).exists():
        raise BadFix(f"There is no source list “{key}” with sources.")


def _one_source(code: Any) -> FulfillmentSource:
    found = FulfillmentSource.objects.filter(code=code).first() if isinstance(code, str) else None
    if found is None:
        raise BadFix(f"There is no fulfillment source “{code}”.")
    if not found.active:
        raise BadFix(f"{code} is not active; choose another source, or activate it first.")
    return found


def _check_product(fix: Mapping[str, Any]) -> None:
    if set(fix) != {"kind", "sku", "product"} or not all(
        isinstance(value, str) and value for value in fix.values()
    ):
        raise BadFix("Say which SKU it is and which of our products it means.")


def _check_nothing(fix: Mapping[str, Any]) -> None:
    if _values(fix):
        raise BadFix("This fix takes no values.")


def _order(fix: Mapping[str, Any], order_ids: list[int], actor: str) -> Refused:
    return mending.change_orders(order_ids, changes=_values(fix), actor=actor).refused


def _credit(fix: Mapping[str, Any], order_ids: list[int], actor: str) -> Refused:
    return mending.free_customers(order_ids, actor=actor).refused


def _source(fix: Mapping[str, Any], order_ids: list[int], actor: str) -> Refused:
    if "source" in fix:
        return send_to_source(order_ids, source=_one_source(fix["source"]), actor=actor).refused
    return mending.direct_lines(order_ids, source_list=fix["source_list"], actor=actor).refused


def _product(fix: Mapping[str, Any], order_ids: list[int], actor: str) -> Refused:
    try:
        stand_in(fix["sku"], product_sku=fix["product"])
    except ValueError as error:
        raise BadFix(str(error)) from error
    return {}


_OF_ORDERS = ("token", "hold")
# kind: (permission, kinds of rows, check, apply)
KINDS: dict[str, tuple[str, tuple[str, ...], Callable, Callable]] = {
    "order": ("orders.change_order", (*_OF_ORDERS, "request"), _check_order, _order),
    "credit": ("orders.change_customer", _OF_ORDERS, _check_nothing, _credit),
    "source": ("orders.change_order", _OF_ORDERS, _check_source, _source),
    "product": ("inventory.add_product", ("message",), _check_product, _product),
}
