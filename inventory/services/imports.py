"""Tables of products and stock levels, in chunks through the same services and constraints as everything else."""

from collections.abc import Callable, Sequence

from django.core.exceptions import ValidationError
from django.db import transaction

from inventory.errors import InventoryError, StockBelowReserved
from inventory.models import FulfillmentSource, Product
from inventory.services.stock import set_on_hand, set_safety_stock
from inventory.types import StockLevel
from iom.lib import imports
from iom.lib.imports import BadCell, Report, cell, required
from iom.lib.tabular import Row

PRODUCT_COLUMNS = (
    "sku", "name", "category", "base_unit", "weight_grams", "length_mm", "width_mm", "height_mm", "price", "currency",
    "preorder_eligible", "active",
)  # fmt: skip
STOCK_COLUMNS = ("sku", "source", "on_hand", "safety_stock")
PRODUCT_TEXTS = STOCK_TEXTS = frozenset({"sku", "source", "category"})
Convert = Callable[[str], object]
PRODUCT_TYPES: dict[str, Convert] = {
    "weight_grams": imports.whole, "length_mm": imports.whole, "width_mm": imports.whole, "height_mm": imports.whole,
    "price": imports.decimal, "preorder_eligible": imports.truth, "active": imports.truth,
}  # fmt: skip


def group_products(rows: Sequence[Row], report: Report) -> list[list[Row]]:
    return _once(rows, ("sku",), report)


def take_products(groups: Sequence[list[Row]], report: Report, *, actor: str) -> None:
    """Make or change products by SKU; columns that are not in the file stay as they are. Bad rows are reported."""
    _write_products([row for group in groups for row in group], report)


def group_stock(rows: Sequence[Row], report: Report) -> list[list[Row]]:
    return _once(rows, ("sku", "source"), report)


def take_stock(groups: Sequence[list[Row]], report: Report, *, actor: str, reason: str = "Import") -> None:
    """Set on hand, and safety stock where the column is filled. Bad rows are reported, the others taken."""
    levels, safety = _stock_levels([row for group in groups for row in group], report)
    counted = _set(levels, report, actor, reason)
    if kept := [level for line, level in safety if line in counted]:
        set_safety_stock(kept, actor=actor, reason=reason)
    report.taken += len(counted)


def _once(rows: Sequence[Row], key: Sequence[str], report: Report) -> list[list[Row]]:
    """Without rows that are wrong already or name a key for the second time."""
    seen: dict[tuple, int] = {}
    kept = []
    for row in rows:
        name = tuple(row.values.get(part, "") for part in key)
        if row.fault:
            report.fail([row], row.fault)
        elif name in seen:
            report.fail([row], f"{' '.join(name)} stands in line {seen[name]} already")
        else:
            seen[name] = row.line
            kept.append([row])
    return kept


# -- products -----------------------------------------------------------------------------------------------------


@transaction.atomic
def _write_products(rows: Sequence[Row], report: Report) -> None:
    present = {p.sku: p for p in Product.objects.filter(sku__in=[row.values.get("sku", "") for row in rows])}
    new, changed, fields = [], [], set()
    for row in rows:
        try:
            values = _product_values(row)
            product = present.get(values["sku"]) or Product()
            for name, value in values.items():
                setattr(product, name, value)
            product.clean_fields(exclude=["substitute"])
        except (BadCell, ValidationError) as error:
            report.fail([row], _sentence(error))
            continue
        (changed if product.pk else new).append(product)
        fields |= values.keys()
    Product.objects.bulk_create(new)
    if changed and (names := sorted(fields - {"sku"})):
        Product.objects.bulk_update(changed, names)
    report.taken += len(new) + len(changed)


def _product_values(row: Row) -> dict[str, object]:
    required(row, "sku")
    filled = [name for name in PRODUCT_COLUMNS if row.values.get(name)]
    values = {name: cell(row, name, PRODUCT_TYPES.get(name, str)) for name in filled}
    if values.get("price", 0) < 0:
        raise BadCell(f"price {values['price']} is below zero")
    return values


# -- stock --------------------------------------------------------------------------------------------------------


def _stock_levels(rows: Sequence[Row], report: Report) -> tuple[dict[int, tuple[Row, StockLevel]], list]:
    skus = {row.values.get("sku", "") for row in rows}
    products = dict(Product.objects.filter(sku__in=skus).values_list("sku", "pk"))
    sources = dict(FulfillmentSource.objects.values_list("code", "pk"))
    levels, safety = {}, []
    for row in rows:
        try:
            product_id = _known(row, "sku", products)
            source_id = _known(row, "source", sources)
            level = StockLevel(product_id, source_id, _quantity(row, "on_hand"))
            if row.values.get("safety_stock"):
                safety.append((row.line, StockLevel(product_id, source_id, _quantity(row, "safety_stock"))))
            levels[row.line] = (row, level)
        except BadCell as error:
            report.fail([row], str(error))
    return levels, safety


def _set(levels: dict, report: Report, actor: str, reason: str) -> set[int]:
    """Lines whose count was taken; rows below what is reserved are reported and the rest is tried again."""
    while levels:
        try:
            with transaction.atomic():
                set_on_hand([level for _, level in levels.values()], actor=actor, reason=reason)
            return set(levels)
        except StockBelowReserved as error:
            low = {(conflict.product_id, conflict.source_id): str(conflict) for conflict in error.conflicts}
        except InventoryError as error:
            report.fail([row for row, _ in levels.values()], str(error))
            return set()
        for line, (row, level) in list(levels.items()):
            if sentence := low.get((level.product_id, level.source_id)):
                report.fail([row], sentence)
                del levels[line]
    return set()


def _known(row: Row, name: str, ids: dict[str, int]) -> int:
    text = required(row, name)
    if text not in ids:
        raise BadCell(f"there is no {name} “{text:.64}”")
    return ids[text]


def _quantity(row: Row, name: str) -> int:
    quantity = required(row, name, imports.whole)
    if not 0 <= quantity <= 10**12:
        raise BadCell(f"{name} {quantity} is not from 0 to 1,000,000,000,000")
    return quantity


def _sentence(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items())
    return str(error)
