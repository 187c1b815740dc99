"""Products as other systems send them: known SKUs are changed, new ones made."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from inventory.models import Product

SETTABLE = (
    "name", "category", "base_unit", "weight_grams", "length_mm", "width_mm", "height_mm", "price", "currency",
    "preorder_eligible", "launch_date", "active",
)  # fmt: skip


@transaction.atomic
def upsert_products(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Make or change products by SKU; a row changes only the fields it names. Returns `created`, `changed` or `same` by SKU.

    Rows lock in the order of SKUs, so two feeds cannot deadlock. The last row of a repeated SKU wins.
    """
    wanted = {row["sku"]: row for row in rows}
    known = {p.sku: p for p in Product.objects.filter(sku__in=wanted).order_by("sku").select_for_update()}
    results = {sku: _result(known.get(sku), row) for sku, row in wanted.items()}
    fresh = [Product(**wanted[sku]) for sku in sorted(wanted) if sku not in known]
    # Somebody else may make the same SKU in this moment: then theirs is the product and ours changes it.
    Product.objects.bulk_create(
        fresh, update_conflicts=True, unique_fields=["sku"], update_fields=[*SETTABLE, "updated_at"]
    )
    changed = [_set(known[sku], wanted[sku]) for sku in sorted(known) if results[sku] == "changed"]
    Product.objects.bulk_update(changed, [*SETTABLE, "updated_at"])
    return results


def _result(product: Product | None, row: Mapping[str, Any]) -> str:
    if product is None:
        return "created"
    return "same" if all(getattr(product, name) == value for name, value in row.items()) else "changed"


def _set(product: Product, row: Mapping[str, Any]) -> Product:
    for name, value in row.items():
        setattr(product, name, value)
    product.updated_at = timezone.now()
    return product
