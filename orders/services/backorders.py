"""How many units of a line wait for stock, beside what is on its way."""

from collections.abc import Mapping

from iom.lib import bulk
from orders.models import OrderLine


def note_backordered(units: Mapping[int, int]) -> None:
    """Line id -> units that wait; zero ends it. One statement; the caller has locked the orders."""
    if units:
        bulk.update(OrderLine, "pk", ("quantity_backordered",), sorted(units.items()))
