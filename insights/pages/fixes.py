"""How a cause is mended in place: which fields its orders may lack, whose credit, which sources, which unknown product.

An offer is a small form; sent, it shows what mending and repairing all of the group would do, and then does it as a job.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.urls import reverse

from fulfillment.models import SourceList
from insights.exceptions import Group
from inventory.models import FulfillmentSource, Product
from iom.lib.pages import record_url, rows_url
from orchestration.models import Flow, RepairJob
from orchestration.policies.compile import fields_of
from orchestration.services.mending import permission_of
from orchestration.services.repair_targets import TARGETS
from orders.countries import COUNTRIES
from orders.services.fields import EDITABLE
from providers.models import ProviderRequest
from providers.services.payloads import order_fields

Action = RepairJob.Action
USUAL = (
    "ship_to_name", "ship_to_line1", "ship_to_line2", "ship_to_city", "ship_to_region", "ship_to_postal_code",
    "ship_to_country", "customer_name", "customer_email", "customer_phone",
)  # fmt: skip
TYPED = frozenset(
    {*USUAL, "customer_reference", "sales_origin", "priority", "notes"}
)  # what a line of text can say
ABOUT_PLACE = ("address", "country", "contact", "ship-to", "ship_to", "postal", "phone", "e-mail", "email")
NO_SOURCE = frozenset({"not_sourced", "stock_gone", "worker_died"})
UNKNOWN_SKU = re.compile(r"There is no product (\S+?)\.(?=\s|$)|(\S+) is not sold any more")
PREFIX = "mend."  # and `was.` for what stood in the field when the form was shown
MOST_PRODUCTS = 300
MOST_SOURCES = 300


@dataclass(slots=True)
class Input:
    """`now` are values that orders of the group have; `options` are (value, label)."""

    name: str
    label: str
    now: list[str] = field(default_factory=list)
    options: list[tuple[str, str]] = field(default_factory=list)
    must: bool = False
    value: str = ""


@dataclass(slots=True)
class Offer:
    """`sure`: the cause names these fields; else they are the usual ones and the form is folded."""

    kind: str
    action: str
    title: str
    inputs: list[Input]
    sure: bool = True
    note: str = ""


def read(data: Mapping[str, Any]) -> dict[str, Any]:
    """The fix that a form asks for, as `orchestration.services.mending` takes it; {} for none. Empty inputs change nothing."""
    if text := data.get("fix"):
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ValueError("The fix cannot be read.")
        return found
    if not (kind := data.get("mend")):
        return {}
    sent = {name.removeprefix(PREFIX): data[name].strip() for name in data if name.startswith(PREFIX)}
    if kind == "source":  # one source, or a list; the one left empty was not chosen
        sent = {name: value for name, value in sent.items() if value} or {"source_list": ""}
    if kind != "order":
        return {"kind": kind, **sent}
    given = {
        name: _typed(name, value)
        for name, value in sent.items()
        if value and value != data.get(f"was.{name}")
    }
    return {"kind": kind, **given}


def _typed(name: str, value: str) -> Any:
    return int(value) if name == "priority" and value.isdecimal() and len(value) < 9 else value


def offers_of(
    group: Group, user: Any, orders: Iterable[Mapping[str, Any]], place: Mapping[str, Any]
) -> list[Offer]:
    """The forms that fit this group and that this person may send; `orders` are some of its orders.

    `place` is where they failed: flow, step and sentence, as far as it is known.
    """
    found = list(_offers(group, list(orders), place))
    allowed = {offer.kind for offer in found if user.has_perm(permission_of({"kind": offer.kind}))}
    return [offer for offer in found if offer.kind in allowed and user.has_perm(TARGETS[offer.action][1])]


def _offers(group: Group, orders: list[Mapping[str, Any]], place: Mapping[str, Any]) -> Iterable[Offer]:
    looked_at = _looked_at(place)
    named = [name for name in looked_at if name in TYPED]
    said = f"{group.title} {group.detail} {' '.join(text for _, _, text in group.samples)}".lower()
    if group.kind in ("step", "policy"):
        if "customer.credit_hold" in looked_at or "credit" in said:
            yield _credit(Action.RETRY)
        if group.filter.get("code") in NO_SOURCE:
            yield _sources(Action.RETRY)
        about = bool(named) or any(word in said for word in ABOUT_PLACE)
        yield _order(Action.RETRY, named or USUAL, orders, sure=about)
    elif group.kind == "hold":
        kind = group.filter.get("type")
        if kind == "credit" or "customer.credit_hold" in looked_at:
            yield _credit(Action.RELEASE)
        if kind == "backorder":
            yield _sources(Action.RELEASE)
        yield _order(Action.RELEASE, named or USUAL, orders, sure=bool(named) or kind == "address")
    elif group.kind == "request" and group.filter["state"] == ProviderRequest.State.FAILED:
        if orders and (told := order_fields(group.filter["action"])):
            yield _order(Action.RESEND, told, orders, sure=True)
    elif group.kind == "inbound" and group.filter.get("code") in ("unknown_sku", "inactive_product"):
        yield _product([text for _, _, text in group.samples])


def _looked_at(place: Mapping[str, Any]) -> list[str]:
    """Fields of the order that the policies of the step compare; of the one that the error names, if it names one."""
    flow = Flow.objects.select_related("live_version").filter(pk=place.get("flow")).first()
    compiled = flow.live_version.compiled if flow and flow.live_version else {}
    step = compiled.get("steps", {}).get(place.get("step"), {})
    policies = [compiled["policies"][key] for key in step.get("policies", []) if key in compiled["policies"]]
    named = [policy for policy in policies if policy["name"] in place["sentence"]]
    found = [
        name if policy["entity"] == "order" else name.removeprefix("order.")
        for policy in named or policies
        for rule in policy["rules"]
        for name in fields_of(policy["entity"], rule["condition"])
        if policy["entity"] == "order" or name.startswith("order.")
    ]
    return list(dict.fromkeys(found))


def _order(action: str, names: Iterable[str], orders: list[Mapping[str, Any]], *, sure: bool) -> Offer:
    inputs = [Input(name, _label(name), _now(name, orders)) for name in names if name in EDITABLE]
    for one in inputs:
        if one.name == "ship_to_country":
            one.options = [(code, code) for code in sorted(COUNTRIES)]
        one.value = one.now[0] if len(orders) == 1 and one.now != [""] else ""
    note = "What stays empty stays as it is on each order."
    return Offer("order", action, "Correct the orders", inputs, sure, note)


def _now(name: str, orders: list[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(str(order[name] if order[name] is not None else "") for order in orders))[:4]


def _label(name: str) -> str:
    return name.replace("_", " ").replace("line1", "line 1").replace("line2", "line 2").capitalize()


def _credit(action: str) -> Offer:
    return Offer(
        "credit", action, "Take the customers off credit hold", [], note="For all their orders, from now on."
    )


def _sources(action: str) -> Offer:
    lists = [(one.key, one.name) for one in SourceList.objects.filter(sources__isnull=False).distinct()]
    choice = Input("source_list", "Look for stock in", options=[("", "Anywhere"), *lists])
    active = FulfillmentSource.objects.filter(active=True).order_by("code").values_list("code", "name")
    one = Input("source", "Or in one source only", options=list(active[:MOST_SOURCES]))
    return Offer(
        "source",
        action,
        "Source again",
        [choice, one],
        note="With the stock of now; lines that found a source keep it.",
    )


def _product(texts: list[str]) -> Offer:
    skus = list(
        dict.fromkeys(sku for text in texts for pair in UNKNOWN_SKU.findall(text) for sku in pair if sku)
    )
    known = Product.objects.filter(active=True).order_by("sku").values_list("sku", "name")[:MOST_PRODUCTS]
    theirs = Input(
        "sku",
        "SKU in the messages",
        options=[(sku, sku) for sku in skus],
        must=True,
        value=skus[0] if skus else "",
    )
    ours = Input("product", "Our product", options=list(known), must=True)
    note = "Lines with that SKU get our product and keep what was asked for, now and later."
    return Offer("product", Action.REPLAY, "Map the unknown product", [theirs, ours], note=note)


# -- links, where there is nothing to fill in -------------------------------------------------------------------------


def link_of(group: Group) -> tuple[str, str] | None:
    """What to open and where, by what the cause says about itself; None where only a person can tell."""
    said = f"{group.title} {group.detail} {' '.join(text for _, _, text in group.samples)}".lower()
    for words, label, address in LINKS:
        if group.kind in ("step", "policy", "hold", "inbound", "request") and any(w in said for w in words):
            return (label, url) if (url := address(group)) else None
    return BY_KIND.get(group.kind, lambda group: None)(group)


def _connection(group: Group) -> Any:
    pk = group.filter.get("connection")
    return ("Open the connection", record_url("providers.providerconnection", pk)) if pk else None


LINKS = (
    (("credit",), "Customers on credit hold", lambda g: rows_url("orders.customer", credit_hold__exact=1)),
    (("unknown sku", "unknown_sku", "unknown product", "known product"), "Products that are not active", lambda g: rows_url("inventory.product", active__exact=0)),
    (("no_connection",), "Connections", lambda g: rows_url("providers.providerconnection")),
    (("not_sourced", "backorder", "no stock"), "Stock", lambda g: rows_url("inventory.inventoryposition")),
)  # fmt: skip
BY_KIND = {
    "request": _connection,
    "inbound": _connection,
    "unstarted": lambda group: ("Flows", reverse("flows")),
}
