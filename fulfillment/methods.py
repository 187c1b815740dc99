"""Where a line may come from by its fulfillment method: read here for sourcing and for the plan of a cart."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from fulfillment.models import MethodRule
from fulfillment.sourcing_strategy import SourceFacts
from inventory.models import FulfillmentSource, Product
from iom.lib import compiled
from orders.models import OrderLine

Method = OrderLine.Method
# Where a method may start; of the others anywhere.
STARTS = {
    Method.SHIP_FROM_STORE: ("store",),
    Method.PICKUP: ("store",),
    Method.DROP_SHIP: ("vendor",),
}
AT_A_STORE = (Method.PICKUP, Method.SHIP_TO_STORE)
FIELDS = ("method", "product_id", "category", "source_id", "source_type", "channel_id", "allowed")


@dataclass(frozen=True, slots=True)
class MethodLine:
    """What of a line the rules of methods look at."""

    method: str = Method.SHIP_TO_HOME
    product_id: int | None = None
    category: str = ""
    channel_id: int | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of `MethodRule`; None and empty count for all."""

    method: str
    product_id: int | None
    category: str
    source_id: int | None
    source_type: str
    channel_id: int | None
    allowed: bool

    @property
    def firmness(self) -> tuple:
        """The rule that names most decides; of equal ones the refusal."""
        exact = sum(part is not None for part in (self.product_id, self.source_id, self.channel_id))
        return exact, bool(self.category) + bool(self.source_type), not self.allowed

    def concerns(self, line: MethodLine) -> bool:
        return (
            self.method == line.method
            and self.product_id in (None, line.product_id)
            and self.category in ("", line.category)
            and self.channel_id in (None, line.channel_id)
        )

    def covers(self, source: SourceFacts) -> bool:
        return self.source_id in (None, source.id) and self.source_type in ("", source.type)


def method_rules() -> list[Rule]:
    """Every rule, the least firm first; one query."""
    return sorted((Rule(*row) for row in _rules()), key=lambda rule: rule.firmness)


@compiled.query
def _rules() -> QuerySet:
    return MethodRule.objects.order_by("pk").values_list(*FIELDS)


def barred_sources(
    lines: Mapping[int, MethodLine], sources: Collection[SourceFacts]
) -> dict[int, dict[int, str]]:
    """Line -> source -> why the line's method rules it out. Lines that may come from everywhere are left out; one query."""
    rules = method_rules()
    known: dict[MethodLine, dict[int, str]] = {}
    found = {}
    for pk, line in lines.items():
        if line not in known:
            known[line] = _barred(line, sources, rules)
        if known[line]:
            found[pk] = known[line]
    return found


def _barred(line: MethodLine, sources: Collection[SourceFacts], rules: Sequence[Rule]) -> dict[int, str]:
    """The firmest rule of a source comes last and decides; no rule: allowed."""
    mine = [rule for rule in rules if rule.concerns(line)]
    starts = STARTS.get(line.method)
    if not mine and not starts:
        return {}
    words, barred = Method(line.method).label.lower(), {}
    for source in sources:
        if starts and source.type not in starts:
            barred[source.id] = f"{words} does not start at a {source.type}"
        elif not next((rule.allowed for rule in reversed(mine) if rule.covers(source)), True):
            barred[source.id] = f"{words} is not allowed from there"
    return barred


def refusals(asked: Mapping[tuple, tuple[int, int | None, str, int | None]]) -> dict[tuple, str]:
    """For intake. `asked`: key -> (channel, product, method, store); answered are those that no source may fulfill.

    A line that ends in a store is picked up there and nowhere else; one that ships may come from any active source.
    """
    products = {product for _, product, *_ in asked.values() if product}
    categories = dict(Product.objects.filter(pk__in=products).values_list("pk", "category"))
    rows = (
        FulfillmentSource.objects.filter(active=True).order_by("pk").values_list("pk", "code", "name", "type")
    )
    sources, rules = [SourceFacts(*row) for row in rows], method_rules()
    found = {}
    for key, (channel, product, method, store) in asked.items():
        line = MethodLine(method, product, categories.get(product, ""), channel)
        places = [one for one in sources if one.id == store] if method == Method.PICKUP else sources
        barred = _barred(line, places, rules)
        if len(barred) == len(places):
            found[key] = next(
                iter(barred.values()), f"no source may fulfill it by {Method(method).label.lower()}"
            )
    return found
