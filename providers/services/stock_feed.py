"""Stock levels that a provider tells: taken when they can be true, parked for a person when they jump."""

from collections.abc import Mapping
from typing import Any

from inventory.errors import InventoryError
from inventory.models import FulfillmentSource, InventoryPosition, Product
from inventory.services.stock import set_on_hand
from inventory.types import StockLevel
from providers.errors import MessageFault
from providers.models import InboxMessage, ProviderConnection

JUMP, ACCEPTED = "stock_jump", "stock_jump_seen"  # a person's replay turns the first into the second
MOST_LEVELS = 1_000
Results = dict[InboxMessage, Any]


def take_levels(connection: ProviderConnection, ready: Results) -> Results:
    """Message -> None when its levels are taken, all of them or none; what became of it otherwise."""
    sources = dict(connection.sources.values_list("code", "pk"))
    return {message: _taken(connection, sources, message, data) for message, data in ready.items()}


def _taken(
    connection: ProviderConnection, sources: Mapping[str, int], message: InboxMessage, data: Mapping[str, Any]
) -> MessageFault | None:
    try:
        levels = _levels(sources, data, most=_limit(connection, "stock_most", 1_000_000))
        if message.code != ACCEPTED:
            _refuse_jumps(connection, levels)
        set_on_hand(list(levels.values()), actor=f"provider:{connection.key}", reason="told by the provider")
    except MessageFault as error:
        return error
    except InventoryError as error:
        return MessageFault("stock_refused", str(error))
    return None


def _levels(sources: Mapping[str, int], data: Mapping[str, Any], *, most: int) -> dict[str, StockLevel]:
    """By SKU. Raises MessageFault for what no shelf can hold, another's warehouse, goods that we do not know."""
    rows, source = data.get("levels"), sources.get(str(data.get("warehouse")))
    if source is None:
        raise MessageFault(
            "unknown_source", f"{str(data.get('warehouse'))!r:.60} is no source that this provider runs."
        )
    if not isinstance(rows, list) or not 0 < len(rows) <= MOST_LEVELS:
        raise MessageFault("bad_shape", f"A list of 1 to {MOST_LEVELS:,} levels is expected.")
    told: dict[str, int] = {}
    for row in rows:
        sku, units = (row.get("sku"), row.get("on_hand")) if isinstance(row, dict) else (None, None)
        if not isinstance(sku, str) or type(units) is not int:
            raise MessageFault("bad_shape", "A level names a SKU and a whole number on hand.")
        if not 0 <= units <= most:
            raise MessageFault("bad_stock", f"{units:,} of {sku:.60} cannot be: 0 to {most:,} is taken.")
        told[sku] = units
    known = dict(Product.objects.filter(sku__in=told).values_list("sku", "pk"))
    if missing := sorted(told.keys() - known.keys()):
        raise MessageFault("unknown_sku", f"There is no product {', '.join(missing)[:300]}.")
    return {sku: StockLevel(known[sku], source, units) for sku, units in told.items()}


def _refuse_jumps(connection: ProviderConnection, levels: Mapping[str, StockLevel]) -> None:
    """Raises MessageFault where a level differs from ours by more than the connection's share and units."""
    percent, units = _limit(connection, "stock_jump_percent", 50), _limit(connection, "stock_jump_units", 100)
    ids = [level.product_id for level in levels.values()]
    source = next(iter(levels.values())).source_id
    rows = InventoryPosition.objects.filter(source_id=source, product_id__in=ids)
    now = dict(rows.values_list("product_id", "on_hand"))
    jumps = [
        f"{sku} from {have:,} to {level.quantity:,}"
        for sku, level in levels.items()
        if (have := now.get(level.product_id)) is not None
        and (change := abs(level.quantity - have)) > units
        and change * 100 > percent * have
    ]
    if jumps:
        code = FulfillmentSource.objects.values_list("code", flat=True).get(pk=source)
        sentence = (
            f"Stock at {code} would jump: {'; '.join(jumps)[:300]}. If that is true, replay the message."
        )
        raise MessageFault(JUMP, sentence)


def _limit(connection: ProviderConnection, name: str, default: int) -> int:
    found = connection.parameters.get(name)
    return found if type(found) is int and found >= 0 else default
