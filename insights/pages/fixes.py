"""Where a cause is mended, as a link: the customer's credit, the order's address, the product, the connection."""

from typing import Any

from insights.exceptions import Group
from iom.lib.pages import record_url, rows_url


def fix_of(group: Group) -> tuple[str, str] | None:
    """What to open and where, by what the cause says about itself; None where only a person can tell."""
    said = f"{group.title} {group.detail} {' '.join(text for _, _, text in group.samples)}".lower()
    for words, label, address in FIXES:
        if group.kind in ("step", "policy", "hold", "inbound", "request") and any(w in said for w in words):
            return (label, url) if (url := address(group)) else None
    return BY_KIND.get(group.kind, lambda group: None)(group)


def _connection(group: Group) -> Any:
    pk = group.filter.get("connection")
    return ("Open the connection", record_url("providers.providerconnection", pk)) if pk else None


FIXES = (
    (("credit",), "Customers on credit hold", lambda g: rows_url("orders.customer", credit_hold__exact=1)),
    (("unknown sku", "unknown_sku", "unknown product", "known product"), "Products that are not active", lambda g: rows_url("inventory.product", active__exact=0)),
    (("no_connection",), "Connections", lambda g: rows_url("providers.providerconnection")),
    (("address", "country", "contact", "ship-to", "ship_to"), "Open the first order", lambda g: g.samples[0][1] if g.samples else ""),
    (("not_sourced", "backorder", "no stock"), "Stock", lambda g: rows_url("inventory.inventoryposition")),
)  # fmt: skip
BY_KIND = {"request": _connection, "inbound": _connection}
