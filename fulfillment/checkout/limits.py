"""What the constraints of a strategy and the rules of methods leave of the sources. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from fulfillment.strategy_document import counts_on

# Where a method may start, and whether it ends in a store. Ship to home is open to all.
STARTS = {
    "ship_from_store": ("store",),
    "pickup": ("store",),
    "drop_ship": ("vendor",),
    "ship_to_store": ("warehouse", "3pl", "vendor", "store", "virtual"),
}
AT_A_STORE = ("pickup", "ship_to_store")


@dataclass(frozen=True, slots=True)
class Place:
    """A source as constraints see it."""

    id: int
    code: str
    type: str
    km: float
    open_today: bool
    priority: int = 5


@dataclass(frozen=True, slots=True)
class Item:
    """A line as constraints see it."""

    product_id: int
    sku: str
    category: str
    ship_class: str
    keeps_whole: bool = False
    method: str = "ship_to_home"
    pickup_source: str = ""


@dataclass(frozen=True, slots=True)
class MethodRow:
    """A rule of `MethodRule`; None and empty count for all."""

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
        named = (self.product_id, self.source_id, self.channel_id, self.category, self.source_type)
        exact = sum(bool(part) for part in named[:3])
        return (exact, sum(bool(part) for part in named[3:]), not self.allowed)


@dataclass
class Limits:
    """What a cart may use. `closed`: source ids; `barred`: (line place, source id); `kept`: units that stay."""

    most_parcels: int
    split_lines: bool
    complete: bool = False
    closed: dict[int, str] = field(default_factory=dict)
    barred: dict[tuple[int, int], str] = field(default_factory=dict)
    kept: dict[tuple[int, int], int] = field(default_factory=dict)
    least: dict[tuple[int, int], int] = field(default_factory=dict)
    extra: dict[tuple[int, int], int] = field(default_factory=dict)
    line_days: list[tuple[frozenset[int], int, str]] = field(default_factory=list)
    soft: list[str] = field(default_factory=list)


def limits_of(
    document: Mapping[str, Any],
    places: Sequence[Place],
    items: Sequence[Item],
    *,
    lists: Mapping[str, frozenset[int]],
    ranks: Mapping[tuple[int, int], int],
    value_minor: int,
    today: date,
    with_soft: bool,
) -> Limits:
    """Every constraint that counts today; the soft ones without a penalty only in the first pass."""
    limits = Limits(document["max_sources_per_order"], document["split_lines"])
    if document["max_distance_km"]:
        _far(limits, places, document["max_distance_km"])
    for row in document["constraints"]:
        if not counts_on(row, today) or not (row["is_hard"] or with_soft):
            continue
        if not row["is_hard"]:
            limits.soft.append(row["name"])
        listed = lists.get(row["source_list"], frozenset()) if row["source_list"] else None
        here = [place for place in places if listed is None or place.id in listed]
        mine = [n for n, item in enumerate(items) if _concerns(row, item)]
        case = _Case(row, row["parameters"], here, mine, items, ranks, value_minor, listed, places)
        APPLIED[row["kind"]](limits, case)
    return limits


@dataclass(frozen=True, slots=True)
class _Case:
    row: Mapping[str, Any]
    parameters: Mapping[str, Any]
    here: Sequence[Place]
    mine: Sequence[int]
    items: Sequence[Item]
    ranks: Mapping[tuple[int, int], int]
    value_minor: int
    listed: frozenset[int] | None
    everywhere: Sequence[Place]


def _concerns(row: Mapping[str, Any], item: Item) -> bool:
    if row["skus"] and item.sku not in row["skus"]:
        return False
    return not row["category"] or row["category"] == item.category


def _far(limits: Limits, places: Iterable[Place], km: int) -> None:
    for place in places:
        if place.km > km:
            limits.closed.setdefault(place.id, f"farther than {km:,} km")


def _distance(limits: Limits, case: _Case) -> None:
    _far(limits, case.here, case.parameters["km"])


def _partial(limits: Limits, case: _Case) -> None:
    limits.complete = True


def _timings(limits: Limits, case: _Case) -> None:
    for place in case.here:
        if not place.open_today:
            limits.closed.setdefault(place.id, "closed, or past its cutoff")


def _per_order(limits: Limits, case: _Case) -> None:
    limits.most_parcels = min(limits.most_parcels, case.parameters["count"])


def _per_line(limits: Limits, case: _Case) -> None:
    limits.split_lines = limits.split_lines and case.parameters["count"] > 1


def _line_days(limits: Limits, case: _Case) -> None:
    ids = frozenset(place.id for place in case.here)
    per = case.parameters.get("per", "source")
    name = case.row["source_list"] if per == "list" else ""
    limits.line_days.append((ids, case.parameters["count"], name))


def _safety(limits: Limits, case: _Case) -> None:
    _raise(limits.kept, case)


def _minimum(limits: Limits, case: _Case) -> None:
    _raise(limits.least, case)


def _raise(units: dict[tuple[int, int], int], case: _Case) -> None:
    for n in case.mine:
        for place in case.here:
            key = (n, place.id)
            units[key] = max(units.get(key, 0), case.parameters["units"])


def _priority(limits: Limits, case: _Case) -> None:
    named, step = case.parameters.get("ranks", {}), case.parameters["step_minor"]
    for n in case.mine:
        for place in case.here:
            rank = named.get(place.code) or case.ranks.get((n, place.id)) or place.priority
            limits.extra[n, place.id] = limits.extra.get((n, place.id), 0) + (rank - 1) * step


def _offline(limits: Limits, case: _Case) -> None:
    """The list names whole groups, the codes single sources, in the list or not."""
    codes = set(case.parameters.get("codes", ()))
    for place in case.everywhere:
        if place.code in codes or place.id in (case.listed or ()):
            limits.closed.setdefault(place.id, f"offline: {case.row['name']}")


def _no_split(limits: Limits, case: _Case) -> None:
    under = case.parameters.get("value_minor")
    named = bool(case.row["skus"] or case.row["category"])
    if (under and case.value_minor < under) or (named and case.mine):
        limits.most_parcels = 1


def _class(limits: Limits, case: _Case) -> None:
    for n in case.mine:
        if case.items[n].ship_class == case.parameters["ship_class"]:
            for place in case.here:
                if place.type == case.parameters["source_type"]:
                    limits.barred.setdefault(
                        (n, place.id), f"no {case.items[n].ship_class} goods from a {place.type}"
                    )


def _rejects(limits: Limits, case: _Case) -> None:
    """A cart was rejected by nobody yet."""


APPLIED: dict[str, Callable[[Limits, _Case], None]] = {
    "maximum_distance": _distance,
    "restrict_partial": _partial,
    "respect_timings": _timings,
    "sources_per_order": _per_order,
    "sources_per_line": _per_line,
    "lines_per_day": _line_days,
    "safety_stock": _safety,
    "location_priority": _priority,
    "offline": _offline,
    "maximum_rejects": _rejects,
    "minimum_inventory": _minimum,
    "no_split": _no_split,
    "class_not_from": _class,
}


# -- methods ------------------------------------------------------------------------------------------------------


def method_refusal(rules: Sequence[MethodRow], item: Item, place: Place, channel_id: int | None) -> str:
    """Why this line may not go by its method from this source; empty: it may."""
    if item.method in STARTS and place.type not in STARTS[item.method]:
        return f"{item.method.replace('_', ' ')} does not start at a {place.type}"
    if item.method == "pickup" and place.code != item.pickup_source:
        return "not the store where it is picked up"
    decisive = max(
        (rule for rule in rules if _fits(rule, item, place, channel_id)),
        key=lambda rule: rule.firmness,
        default=None,
    )
    if decisive is not None and not decisive.allowed:
        return f"{item.method.replace('_', ' ')} is not allowed here"
    return ""


def _fits(rule: MethodRow, item: Item, place: Place, channel_id: int | None) -> bool:
    return (
        rule.method == item.method
        and rule.product_id in (None, item.product_id)
        and rule.category in ("", item.category)
        and rule.source_id in (None, place.id)
        and rule.source_type in ("", place.type)
        and rule.channel_id in (None, channel_id)
    )
