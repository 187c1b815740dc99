"""The worklist of a source: what is to do, by column; each column pages by key."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.db.models import QuerySet
from django.utils import timezone

from fulfillment.models import FulfillmentLine, FulfillmentOrder, Shipment
from inventory.models import FulfillmentSource

State = FulfillmentOrder.State
PAGE = 20
MOST_LINES = 12
# state: (heading, what may be done with the selection there)
COLUMNS = {
    State.SENT: ("New", ("accept", "pick", "pack", "ship", "reject")),
    State.ACCEPTED: ("Accepted", ("pick", "pack", "ship", "reject")),
    State.PICKING: ("Picking", ("pack", "ship", "reject")),
    State.PACKED: ("Packed", ("ship", "reject")),
    State.SHIPPED: ("Shipped today", ()),
}
LABELS = {"accept": "Accept", "pick": "Pick", "pack": "Pack"}


@dataclass(slots=True)
class Card:
    order: FulfillmentOrder
    lines: list[FulfillmentLine] = field(default_factory=list)
    shipments: list[Shipment] = field(default_factory=list)
    next_action: str = ""

    @property
    def units(self) -> int:
        return sum(line.quantity for line in self.lines)

    @property
    def late(self) -> bool:
        """Should have left and did not, or left too late."""
        if not self.order.ship_by:
            return False
        return (self.order.shipped_at or timezone.now()) > self.order.ship_by


@dataclass(slots=True)
class Column:
    """`after` is the key of the next page, None at the end; `paged` says that an earlier page exists."""

    state: str
    label: str
    actions: tuple[str, ...]
    cards: list[Card]
    after: int | None
    paged: bool

    @property
    def steps(self) -> list[tuple[str, str]]:
        return [(action, LABELS[action]) for action in self.actions if action in LABELS]

    @property
    def count(self) -> str:
        return f"{len(self.cards)}+" if self.after or self.paged else str(len(self.cards))


def columns(source: FulfillmentSource, after: Mapping[str, int], *, acting: bool = True) -> list[Column]:
    """Oldest first, shipped newest first; one query a column and two for what is in all of them. Not `acting`: to look at."""
    found = [_column(source, state, after.get(state), acting) for state in COLUMNS]
    cards = {card.order.pk: card for column in found for card in column.cards}
    lines = FulfillmentLine.objects.filter(fulfillment_order_id__in=cards).select_related(
        "order_line__product"
    )
    for line in lines.order_by("pk"):
        cards[line.fulfillment_order_id].lines.append(line)
    for shipment in Shipment.objects.filter(fulfillment_order_id__in=cards):
        cards[shipment.fulfillment_order_id].shipments.append(shipment)
    return found


def _column(source: FulfillmentSource, state: str, after: int | None, acting: bool) -> Column:
    label, actions = COLUMNS[state]
    actions = actions if acting else ()
    rows = _paged(_rows(source, state), state, after)
    more = len(rows) > PAGE
    following = next((action for action in ("accept", "pick", "pack") if action in actions), "")
    cards = [Card(order, next_action=following) for order in rows[:PAGE]]
    return Column(state, label, actions, cards, rows[PAGE - 1].pk if more else None, after is not None)


def _rows(source: FulfillmentSource, state: str) -> QuerySet:
    rows = FulfillmentOrder.objects.filter(source=source, state=state).select_related("order")
    return rows.filter(shipped_at__gte=_midnight()) if state == State.SHIPPED else rows


def _paged(rows: QuerySet, state: str, after: int | None) -> Sequence[FulfillmentOrder]:
    newest_first = state == State.SHIPPED
    if after:
        rows = rows.filter(**{"pk__lt" if newest_first else "pk__gt": after})
    return list(rows.order_by("-pk" if newest_first else "pk")[: PAGE + 1])


def _midnight():
    return timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)


def open_counts() -> dict[int, int]:
    """Source id -> fulfillment orders at work there, for the chooser; one query over open ones by index."""
    counts: dict[int, int] = defaultdict(int)
    for source_id in (
        FulfillmentOrder.objects.filter(state__in=FulfillmentOrder.WORK)
        .order_by()
        .values_list("source_id", flat=True)
    ):
        counts[source_id] += 1
    return counts
