"""What drafts name in our own data: channels, products, customers. One query each, however many drafts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from django.conf import settings
from django.utils.module_loading import import_string

from inventory.models import FulfillmentSource, Product
from iom.lib.money import digits
from orders.models import Channel, Customer
from orders.services.faults import HOME, fault
from orders.types import LineDraft, OrderDraft


class KnownProduct(NamedTuple):
    id: int
    sku: str
    name: str
    base_unit: str
    active: bool
    launch_date: date | None
    substitute_id: int | None


class KnownStore(NamedTuple):
    id: int
    type: str
    active: bool


class KnownCustomer(NamedTuple):
    id: int
    name: str
    email: str
    phone: str


@dataclass(frozen=True, slots=True)
class References:
    """`trusted` has the known, active channels: id -> whether their faulty orders are parked.

    `stores` by code, of lines that name one; `refused`: (channel, SKU, method, store) -> why it is not allowed.
    """

    trusted: Mapping[int, bool]
    products: Mapping[str, KnownProduct]
    substitutes: Mapping[int, KnownProduct]
    customers: Mapping[str, KnownCustomer]
    stores: Mapping[str, KnownStore] = field(default_factory=dict)
    refused: Mapping[tuple, str] = field(default_factory=dict)

    def product_for(self, sku: str) -> tuple[KnownProduct | None, bool]:
        """The product a line gets, and whether it is a substitute: for an inactive one that has an active substitute.

        Decided when the order is created and never again. Source: reference APP-13.
        """
        product = self.products.get(sku)
        if product is None or product.active:
            return product, False
        substitute = self.substitutes.get(product.substitute_id)
        return (substitute, True) if substitute else (product, False)


def look_up(drafts: Sequence[OrderDraft]) -> References:
    skus = {line.sku for draft in drafts for line in draft.lines if line.sku}
    codes = {draft.customer_code for draft in drafts if draft.customer_code}
    products = products_by_sku(skus)
    return References(
        dict(
            Channel.objects.filter(pk__in={draft.channel_id for draft in drafts}, active=True).values_list(
                "pk", "trusted"
            )
        ),
        products,
        _substitutes_of(products),
        _customers(codes) if codes else {},
        *_methods([(draft.channel_id, draft.lines) for draft in drafts], products),
    )


def _methods(
    orders: Iterable[tuple[int, Sequence[LineDraft]]], products: Mapping[str, KnownProduct]
) -> tuple[dict[str, KnownStore], dict[tuple, str]]:
    """Stores that lines name, and what the rules of the site refuse; no query where all ship to home."""
    asked = {
        (channel, line.sku, line.method, line.pickup_source)
        for channel, lines in orders
        for line in lines
        if line.method != HOME
    }
    if not asked:
        return {}, {}
    codes = {code for *_, code in asked if code}
    rows = FulfillmentSource.objects.filter(code__in=codes) if codes else FulfillmentSource.objects.none()
    stores = {code: KnownStore(*row) for code, *row in rows.values_list("code", "id", "type", "active")}
    if not (path := settings.IOM.get("METHOD_RULES")):
        return stores, {}
    questions = {
        key: (key[0], products[key[1]].id if key[1] in products else None, key[2], stores[key[3]].id if key[3] in stores else None)
        for key in asked
    }  # fmt: skip
    return stores, import_string(path)(questions)


def _customers(codes: Iterable[str]) -> dict[str, KnownCustomer]:
    rows = Customer.objects.filter(code__in=codes).values_list("code", "id", "name", "email", "phone")
    return {code: KnownCustomer(*rest) for code, *rest in rows}


def look_up_lines(lines: Sequence[LineDraft], channel_id: int) -> References:
    """Only the products and stores, for the lines of one order."""
    products = products_by_sku({line.sku for line in lines if line.sku})
    return References({}, products, _substitutes_of(products), {}, *_methods([(channel_id, lines)], products))


def products_by_sku(skus: Iterable[str]) -> dict[str, KnownProduct]:
    rows = Product.objects.filter(sku__in=skus).order_by().values_list(*KnownProduct._fields)
    return {row[1]: KnownProduct._make(row) for row in rows}


def _substitutes_of(products: Mapping[str, KnownProduct]) -> dict[int, KnownProduct]:
    """By id; no query when every product is active."""
    ids = {row.substitute_id for row in products.values() if not row.active and row.substitute_id}
    if not ids:
        return {}
    rows = Product.objects.filter(pk__in=ids, active=True).order_by().values_list(*KnownProduct._fields)
    return {row[0]: KnownProduct._make(row) for row in rows}


def reference_faults(draft: OrderDraft, known: References) -> list[dict[str, Any]]:
    found = list(reference_line_faults(draft.lines, draft.currency, known, draft.channel_id))
    if draft.channel_id not in known.trusted:
        found.append(
            fault(
                "unknown_channel",
                "channel",
                "The channel does not exist or is switched off.",
                "Choose an active channel.",
            )
        )
    if draft.customer_code and draft.customer_code not in known.customers:
        found.append(
            fault(
                "unknown_customer",
                "customer_code",
                f"There is no customer {draft.customer_code}.",
                "Create the customer first, or send name and email instead of the code.",
            )
        )
    return found


def reference_line_faults(
    lines: Sequence[LineDraft], currency: str, known: References, channel_id: int
) -> Iterator[dict[str, Any]]:
    places = digits(currency)
    for position, line in enumerate(lines):
        product, _ = known.product_for(line.sku)
        if product is None and not line.description:
            yield fault(
                "unknown_sku",
                f"lines[{position}].sku",
                f"There is no product {line.sku}.",
                "Create the product first, or send a description to make it a write-in line.",
            )
        elif product and not product.active:
            yield fault(
                "inactive_product",
                f"lines[{position}].sku",
                f"{line.sku} is not sold any more and has no substitute.",
                "Choose another product.",
            )
        if line.method != HOME:
            yield from _method_faults(position, line, known, channel_id)
        if not _fits(line.unit_price, places) and (
            product is None or product.base_unit == Product.BaseUnit.EACH
        ):
            yield fault(
                "money_format",
                f"lines[{position}].unit_price",
                f"{line.unit_price} has more decimals than {currency} has ({places}).",
                f"Send {places} decimals at most; only goods by weight, volume or length have finer prices.",
            )


def _method_faults(
    position: int, line: LineDraft, known: References, channel_id: int
) -> Iterator[dict[str, Any]]:
    store = known.stores.get(line.pickup_source)
    if line.pickup_source and (
        store is None or not store.active or store.type != FulfillmentSource.Type.STORE
    ):
        yield fault(
            "unknown_store",
            f"lines[{position}].pickup_source",
            f"There is no active store {line.pickup_source}.",
            "Send the code of a store that is switched on.",
        )
    elif why := known.refused.get((channel_id, line.sku, line.method, line.pickup_source)):
        yield fault(
            "method_not_allowed",
            f"lines[{position}].method",
            f"{line.sku or line.description}: {why}.",
            "Choose another method or store.",
        )


def _fits(price: Decimal, places: int) -> bool:
    scaled = price.scaleb(places)
    return int(scaled) == scaled
