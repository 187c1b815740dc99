"""The demo world. Loading it again adds what is missing and doubles nothing; what people changed since stays."""

import random
from pathlib import Path

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import transaction

from inventory.models import FulfillmentSource, InventoryPosition, Product
from inventory.services.stock import set_on_hand
from inventory.types import StockLevel
from orchestration.demo import goods, people, places
from orchestration.demo.shipping import load_shipping
from orchestration.models import Flow
from orchestration.services.publishing import import_flow, publish
from orders import definitions
from orders.models import Address, Channel, Customer

ACTOR = "system"
FLOW = Path(__file__).resolve().parent.parent / "flows" / "order_to_invoice.json"
# type of source: (share of the products it keeps, fewest and most units of one)
STOCK = {
    "warehouse": (0.55, 20, 600),
    "store": (0.25, 2, 40),
    "3pl": (0.6, 20, 250),
    "vendor": (0.2, 10, 80),
}
LARGE, TRADE_UNITS = ("DC-RNO", "DC-CMH"), (800, 3000)
CHANNELS = (("web-shop", "Web shop", "retail", True), ("wholesale", "Wholesale", "wholesale", False))


def load_world(*, stock_factor: int = 1) -> None:
    """Everything but connections and logins. `stock_factor` multiplies the units, for loads that must not run dry."""
    with transaction.atomic():
        definitions.sync()
        _sources()
        _products()
        _customers()
        for key, name, kind, trusted in CHANNELS:
            Channel.objects.get_or_create(key=key, defaults={"name": name, "kind": kind, "trusted": trusted})
    load_shipping(capacity_factor=stock_factor)
    _stock(stock_factor)
    _flow()


def load_logins(passwords: dict[str, str]) -> None:
    """One login per role, each with the password given; a login that exists keeps its own."""
    User = get_user_model()
    for login, (role, name) in people.LOGINS.items():
        first, last = name.split()
        user, made = User.objects.get_or_create(
            username=login, defaults={"first_name": first, "last_name": last, "is_staff": True}
        )
        if made:
            user.set_password(passwords[login])
            user.save(update_fields=["password"])
            user.groups.add(*Group.objects.filter(name=role))
    if not User.objects.filter(username="demo").exists():
        User.objects.create_superuser("demo", password=passwords["demo"])


def _sources() -> None:
    rows = [
        FulfillmentSource(
            code=code,
            name=f"{places.KINDS[kind]} {city}",
            type=kind,
            line1="1 Dock Road" if kind != "store" else "10 Main St",
            city=city,
            region=region,
            postal_code=postal_code,
            country="US",
            latitude=latitude,
            longitude=longitude,
            time_zone=zone,
            processing_minutes=places.PACE[kind][0],
            cutoff_time=places.PACE[kind][1],
        )
        for code, kind, city, region, postal_code, latitude, longitude, zone in places.SOURCES
    ]
    FulfillmentSource.objects.bulk_create(rows, ignore_conflicts=True)


def _products() -> None:
    Product.objects.bulk_create([Product(**row) for row in goods.product_rows()], ignore_conflicts=True)


def _customers() -> None:
    known = set(Customer.objects.values_list("code", flat=True))
    new = [(head, place) for head, place in people.customer_rows() if head["code"] not in known]
    made = Customer.objects.bulk_create([Customer(**head) for head, _ in new])
    Address.objects.bulk_create(
        [
            Address(customer=customer, label="Ship to", **place)
            for customer, (_, place) in zip(made, new, strict=True)
        ]
    )


def _stock(factor: int) -> None:
    """Counts for positions that do not exist yet: those that do have a history since."""
    known = set(InventoryPosition.objects.values_list("product_id", "source_id"))
    levels = [level for level in _levels(factor) if (level.product_id, level.source_id) not in known]
    for start in range(0, len(levels), 1000):
        set_on_hand(levels[start : start + 1000], actor=ACTOR, reason="opening stock")


def _levels(factor: int) -> list[StockLevel]:
    skus = {row["sku"]: row["category"] for row in goods.product_rows() if row["sku"] not in goods.SOLD_OUT}
    products = dict(Product.objects.filter(sku__in=skus).values_list("sku", "pk"))
    codes = dict(FulfillmentSource.objects.values_list("code", "pk"))
    chance, levels = random.Random(3), []  # noqa: S311
    for code, kind, *_ in places.SOURCES:
        share, fewest, most = STOCK[kind]
        for sku, category in skus.items():
            is_trade = code in LARGE and category in goods.TRADE
            if is_trade or chance.random() < share:
                units = chance.randint(*(TRADE_UNITS if is_trade else (fewest, most))) * factor
                levels.append(StockLevel(products[sku], codes[code], units, f"opening:{code}"))
    return levels


def _flow() -> None:
    if not Flow.objects.filter(key="order-to-invoice", live_version__isnull=False).exists():
        publish(import_flow(FLOW, actor=ACTOR).pk, actor=ACTOR, comment="Ships with the demo")
