"""Which tables of this floor people may send as files."""

from inventory.exports import exported_products, exported_stock
from inventory.services.import_tables import TableSpec
from inventory.services.imports import (
    PRODUCT_COLUMNS,
    PRODUCT_TEXTS,
    STOCK_COLUMNS,
    STOCK_TEXTS,
    group_products,
    group_stock,
    take_products,
    take_stock,
)

PRODUCTS = TableSpec(
    "products", PRODUCT_COLUMNS, ("sku",), group_products, take_products, exported_products, texts=PRODUCT_TEXTS
)  # fmt: skip
STOCK = TableSpec(
    "stock", STOCK_COLUMNS, ("sku", "source", "on_hand"), group_stock, take_stock, exported_stock, texts=STOCK_TEXTS
)  # fmt: skip
TABLES = (PRODUCTS, STOCK)
