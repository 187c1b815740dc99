"""SKUs and source codes to ids, a query each however many rows; everything unknown is named at once."""

from collections.abc import Mapping, Sequence
from typing import Any

from inventory.models import FulfillmentSource, Product
from iom.lib.api.errors import InvalidInput, fault


def resolve(rows: Sequence[Mapping[str, Any]], paths: Sequence[str] = ()) -> list[tuple[int, int]]:
    """(product id, source id) for each row; raises InvalidInput (422). `paths` say where the rows stand."""
    products = dict(Product.objects.filter(sku__in={row["sku"] for row in rows}).values_list("sku", "pk"))
    sources = dict(
        FulfillmentSource.objects.filter(code__in={row["source"] for row in rows}).values_list("code", "pk")
    )
    faults = []
    for index, row in enumerate(rows):
        where = paths[index] if paths else f"rows[{index}]"
        if row["sku"] not in products:
            faults.append(fault("unknown_sku", f"{where}.sku", f"There is no product {row['sku']}."))
        if row["source"] not in sources:
            faults.append(fault("unknown_source", f"{where}.source", f"There is no source {row['source']}."))
    if faults:
        raise InvalidInput(faults, status=422)
    return [(products[row["sku"]], sources[row["source"]]) for row in rows]
