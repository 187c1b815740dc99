"""Answers about stock; they read and never write."""

from collections.abc import Collection

from inventory.models import FulfillmentSource, InventoryPosition, Product


def availability(
    product_ids: Collection[int], source_ids: Collection[int] | None = None
) -> list[tuple[int, int, int, int, int]]:
    """(product id, source id, on hand, reserved, safety stock) of each position there is, in one query, unordered.

    Sources None: at all of them. A product that was never stocked at a source has no row.
    """
    positions = InventoryPosition.objects.filter(product_id__in=product_ids)
    if source_ids is not None:
        positions = positions.filter(source_id__in=source_ids)
    return list(positions.values_list("product_id", "source_id", "on_hand", "reserved", "safety_stock"))


def skus(product_ids: Collection[int]) -> dict[int, str]:
    """SKU by product id, for sentences; unknown ids are left out."""
    return dict(Product.objects.filter(pk__in=product_ids).order_by().values_list("pk", "sku"))


def source_codes(source_ids: Collection[int]) -> dict[int, str]:
    """Code by source id, for sentences; unknown ids are left out."""
    return dict(FulfillmentSource.objects.filter(pk__in=source_ids).order_by().values_list("pk", "code"))
