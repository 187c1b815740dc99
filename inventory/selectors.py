"""Answers about stock; they read and never write."""

from collections.abc import Collection

from django.db.models import QuerySet

from inventory.models import FulfillmentSource, InventoryPosition, Product
from iom.lib import compiled


def availability(
    product_ids: Collection[int], source_ids: Collection[int] | None = None
) -> list[tuple[int, int, int, int, int]]:
    """(product id, source id, on hand, reserved, safety stock) of each position there is, in one query, unordered.

    Sources None: at all of them. A product that was never stocked at a source has no row.
    """
    return _positions(product_ids) if source_ids is None else _positions_at(product_ids, source_ids)


@compiled.query
def _positions(product_ids: Collection[int]) -> QuerySet:
    rows = InventoryPosition.objects.filter(product_id__in=product_ids)
    return rows.values_list("product_id", "source_id", "on_hand", "reserved", "safety_stock")


@compiled.query
def _positions_at(product_ids: Collection[int], source_ids: Collection[int]) -> QuerySet:
    rows = InventoryPosition.objects.filter(product_id__in=product_ids, source_id__in=source_ids)
    return rows.values_list("product_id", "source_id", "on_hand", "reserved", "safety_stock")


def skus(product_ids: Collection[int]) -> dict[int, str]:
    """SKU by product id, for sentences; unknown ids are left out."""
    return dict(Product.objects.filter(pk__in=product_ids).order_by().values_list("pk", "sku"))


def source_codes(source_ids: Collection[int]) -> dict[int, str]:
    """Code by source id, for sentences; unknown ids are left out."""
    return dict(FulfillmentSource.objects.filter(pk__in=source_ids).order_by().values_list("pk", "code"))
