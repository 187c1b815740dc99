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


@transaction.atomic
def stand_in(sku: str, *, product_sku: str) -> bool:
    """Let an unknown or inactive SKU mean one of our products: an inactive product of that SKU with this substitute.

    Lines that name the SKU get the substitute and keep what was asked for. False if it was so already. Raises
    ValueError for a SKU that is sold here, and for a substitute that is not.
    """
    product = Product.objects.filter(sku=product_sku, active=True).first()
    if product is None:
        raise ValueError(f"There is no active product {product_sku}.")
    if not sku or len(sku) > 64 or "\0" in sku:
        raise ValueError("The SKU must have from 1 to 64 characters.")
    known = Product.objects.filter(sku=sku).select_for_update().first()
    if known and known.active:
        raise ValueError(f"{sku} is sold here; it needs no substitute.")
    if known and known.substitute_id == product.pk:
        return False
    name = known.name if known else f"Stands for {product.name}"[:200]
    Product.objects.update_or_create(
        sku=sku,
        defaults={"name": name, "active": False, "substitute": product},
        create_defaults={
            "name": name, "active": False, "substitute": product, "base_unit": product.base_unit, "price": product.price,
            "currency": product.currency, "weight_grams": product.weight_grams,
        },
    )  # fmt: skip
    return True
