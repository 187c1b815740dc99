"""Rows of an export, in the columns that the import takes back."""

from collections.abc import Iterator

from django.db.models import QuerySet

from inventory.models import InventoryPosition, Product
from inventory.services.import_tables import MOST_EXPORTED
from inventory.services.imports import PRODUCT_COLUMNS


def exported_products(products: QuerySet[Product]) -> Iterator[tuple]:
    yield from products.order_by("sku").values_list(*PRODUCT_COLUMNS)[:MOST_EXPORTED]


def exported_stock(positions: QuerySet[InventoryPosition]) -> Iterator[tuple]:
    names = ("product__sku", "source__code", "on_hand", "safety_stock")
    yield from positions.order_by("pk").values_list(*names)[:MOST_EXPORTED]
