"""Stock as it was: the ledger says every change with its moment, so what a position held then is what it holds now less
all that came since. Read only.

What the ledger cannot tell: a movement carries the moment at which it was written, and counts when its transaction
commits, some milliseconds later. Who looked in between saw less than is rebuilt here.
"""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import F, FilteredRelation, Q, Sum
from django.db.models.functions import Coalesce

from inventory.models import InventoryMovement, InventoryPosition

DELTAS = ("on_hand_delta", "reserved_delta", "safety_stock_delta")
Stock = dict[int, dict[int, int]]  # product -> source -> available


class Moved(NamedTuple):
    """A movement: by how much `available` changed."""

    at: datetime
    product: int
    source: int
    change: int
    kind: str
    reference: str


class StockHistory:
    """What was available of some products at moments of a span, at each source. Two queries however many moments.

    `after`: how much longer than `until` movements are read, for what was given back just after a moment.
    """

    def __init__(
        self, product_ids: Collection[int], since: datetime, until: datetime, *, after: timedelta
    ) -> None:
        self.stock = _at(product_ids, since)
        self.moves = _between(product_ids, since, until + after)
        self.next = 0

    def at(self, moment: datetime) -> Stock:
        """A copy of what was available at this moment; moments come in ascending order."""
        while self.next < len(self.moves) and self.moves[self.next].at <= moment:
            move = self.moves[self.next]
            held = self.stock[move.product]
            held[move.source] = held.get(move.source, 0) + move.change
            self.next += 1
        return {product: dict(held) for product, held in self.stock.items()}

    def given_back(self, references: Collection[str], within: timedelta, since: datetime) -> list[Moved]:
        """What reservations with these references gave back right after `since`, before they took anything anew."""
        found, taken = [], set()
        for move in self.moves[self.next :]:
            if move.at > since + within:
                break
            if move.reference not in references or move.reference in taken:
                continue
            if move.kind == InventoryMovement.Kind.RELEASE:
                found.append(move)
            else:
                taken.add(move.reference)
        return found


def _at(product_ids: Collection[int], moment: datetime) -> Stock:
    """One statement, so that counters and movements belong together whatever is written meanwhile."""
    later = FilteredRelation("movements", condition=Q(movements__at__gt=moment))
    rows = InventoryPosition.objects.filter(product_id__in=product_ids).annotate(later=later)
    rows = rows.annotate(**{f"later_{name}": Coalesce(Sum(f"later__{name}"), 0) for name in DELTAS})
    available = F("on_hand") - F("reserved") - F("safety_stock")
    change = F("later_on_hand_delta") - F("later_reserved_delta") - F("later_safety_stock_delta")
    found: Stock = defaultdict(dict)
    rows = rows.order_by().values_list("product_id", "source_id", available - change)
    for product, source, units in rows:
        found[product][source] = units
    return found


def _between(product_ids: Collection[int], since: datetime, until: datetime) -> list[Moved]:
    rows = InventoryMovement.objects.filter(position__product_id__in=product_ids, at__gt=since, at__lte=until)
    change = F("on_hand_delta") - F("reserved_delta") - F("safety_stock_delta")
    names = ("at", "position__product_id", "position__source_id", change, "kind", "reference")
    return [Moved(*row) for row in rows.order_by("at", "id").values_list(*names)]
