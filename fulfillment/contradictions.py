"""What in a strategy cannot work, or does nothing: found on its document before it is published. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from fulfillment import constraint_kinds

ERROR, WARNING = "error", "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """`error` keeps a strategy from being published; `where` names the constraint, empty: the strategy itself."""

    level: str
    code: str
    where: str
    sentence: str


@dataclass(frozen=True)
class World:
    """What a strategy is checked against. `lists`: key -> codes; `types`, `active`, `nearest_km` by source code.

    `nearest_km`: the distance to the destination that is nearest to the source, where orders are known.
    """

    lists: Mapping[str, frozenset[str]] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    active: frozenset[str] = frozenset()
    nearest_km: Mapping[str, float] = field(default_factory=dict)
    strategies: Mapping[str, str] = field(default_factory=dict)  # key -> alternate key
    timed: frozenset[str] = frozenset()  # sources with a calendar or a cutoff
    today: date = date(1970, 1, 1)


def find(document: Mapping[str, Any], world: World) -> list[Finding]:
    """Everything that contradicts itself or the world; errors first."""
    found = [*_checks(document, world)]
    return sorted(found, key=lambda one: one.level != ERROR)


def _checks(document: Mapping[str, Any], world: World) -> Iterator[Finding]:
    usable = reach(document, world)
    counting = [row for row in document["constraints"] if _counts(row, world.today)]
    yield from _sources(document, world, usable)
    yield from _alternate(document, world)
    for row in document["constraints"]:
        yield from _row(row, world)
    if document["objective"] == "nearest":
        yield from _not_for_nearest(document)
    yield from _pairs(document, counting, world, usable)


def _not_for_nearest(document: Mapping[str, Any]) -> Iterator[Finding]:
    for row in document["constraints"]:
        if row["enabled"] and (told := constraint_kinds.not_kept_by_nearest(row)):
            yield Finding(ERROR, "not_for_nearest", row["name"], told)


def reach(document: Mapping[str, Any], world: World) -> frozenset[str]:
    """Codes of the sources that the lists name and that are active."""
    named = set(document["sources"]) | set(world.lists.get(document["source_list"], ()))
    everything = not document["sources"] and not document["source_list"]
    return world.active if everything else frozenset(named) & world.active


def _counts(row: Mapping[str, Any], today: date) -> bool:
    until = row.get("valid_until")
    return row["enabled"] and not (until and date.fromisoformat(until) < today)


def _sources(document, world: World, usable: frozenset[str]) -> Iterator[Finding]:
    if document["source_list"] and document["source_list"] not in world.lists:
        yield Finding(ERROR, "unknown_list", "", f"There is no source list {document['source_list']!r}.")
    elif not usable:
        yield Finding(
            ERROR, "no_source", "", "No active source is left: the list is empty or all of it is off."
        )
    if unknown := sorted(set(document["sources"]) - set(world.types)):
        yield Finding(ERROR, "unknown_source", "", f"There is no source {', '.join(unknown)}.")


def _alternate(document, world: World) -> Iterator[Finding]:
    key, seen = document["alternate"], [document["key"]]
    if document["rest"] == "next" and not key:
        yield Finding(
            ERROR, "no_alternate", "", "The rest goes to the alternate strategy, but there is none."
        )
    if key and document["rest"] != "next":
        yield Finding(
            WARNING, "alternate_unused", "", "There is an alternate strategy, but the rest does not go there."
        )
    while key:
        if key in seen:
            yield Finding(
                ERROR, "alternate_loop", "", f"The alternates go in a circle: {' > '.join([*seen, key])}."
            )
            return
        seen.append(key)
        key = world.strategies.get(key, "")


def _row(row: Mapping[str, Any], world: World) -> Iterator[Finding]:
    name, kind = row["name"], constraint_kinds.KINDS.get(row["kind"])
    for fault in constraint_kinds.check(row["kind"], row["parameters"]).faults:
        yield Finding(ERROR, fault.code, name, fault.sentence)
    if kind is None or not row["enabled"]:
        return
    until = row.get("valid_until")
    if until and date.fromisoformat(until) < world.today:
        level = ERROR if row["is_hard"] else WARNING
        yield Finding(
            level, "in_the_past", name, f"It ended on {until}; switch it off or give it another date."
        )
    if kind.always_hard and not row["is_hard"]:
        yield Finding(ERROR, "always_hard", name, "This kind is a matter of safety and cannot be soft.")
    yield from _narrowed(row, kind, world)


def _narrowed(row, kind, world: World) -> Iterator[Finding]:
    for field_name, value in (
        ("source_list", row["source_list"]),
        ("products", row["skus"]),
        ("category", row["category"]),
    ):
        if value and field_name not in kind.narrows:
            yield Finding(
                WARNING,
                "narrowing_unused",
                row["name"],
                f"Its {field_name.replace('_', ' ')} has no effect on this kind.",
            )
    listed = row["source_list"]
    if listed and "source_list" in kind.narrows and not world.lists.get(listed):
        yield Finding(
            WARNING, "empty_list", row["name"], f"The source list {listed!r} is empty, so it does nothing."
        )
    if row["kind"] == "offline" and not listed and not row["parameters"].get("codes"):
        yield Finding(ERROR, "offline_of_nothing", row["name"], "It names neither a source nor a list.")
    if row["kind"] == "no_split" and not (
        row["parameters"].get("value_minor") or row["skus"] or row["category"]
    ):
        yield Finding(ERROR, "no_split_of_nothing", row["name"], "It names neither a value nor products.")
    if row["kind"] == "lines_per_day" and row["parameters"].get("per") == "list" and not listed:
        yield Finding(ERROR, "day_of_no_list", row["name"], "It counts for a list, but names none.")


def _pairs(document, counting, world: World, usable: frozenset[str]) -> Iterator[Finding]:
    by_kind: dict[str, list] = {}
    for row in counting:
        if not constraint_kinds.check(row["kind"], row["parameters"]).faults:
            by_kind.setdefault(row["kind"], []).append(row)
    left = yield from _offline(by_kind.get("offline", ()), world, usable)
    yield from _distance(document, by_kind.get("maximum_distance", ()), world, left)
    yield from _counts_of_sources(document, by_kind)
    yield from _stock(by_kind)
    yield from _priority(by_kind.get("location_priority", ()), world, usable)
    yield from _classes(by_kind.get("class_not_from", ()), world, left)
    yield from _timings(by_kind.get("respect_timings", ()), world, left)
    yield from _twice(by_kind)


def _offline(rows, world: World, usable: frozenset[str]):
    """The sources that are left; only hard ones take some away."""
    left = set(usable)
    for row in rows:
        gone = set(row["parameters"].get("codes", ())) | set(world.lists.get(row["source_list"], ()))
        if unknown := sorted(gone - set(world.types)):
            yield Finding(WARNING, "unknown_source", row["name"], f"There is no source {', '.join(unknown)}.")
        left -= gone if row["is_hard"] else set()
    if usable and not left:
        names = ", ".join(row["name"] for row in rows)
        yield Finding(ERROR, "nothing_online", names, "No source is left once these are offline.")
    return frozenset(left)


def _distance(document, rows, world: World, left: frozenset[str]) -> Iterator[Finding]:
    limits = [
        (row["parameters"]["km"], row["name"]) for row in rows if row["is_hard"] and not row["source_list"]
    ]
    if document["max_distance_km"]:
        limits.append((document["max_distance_km"], ""))
    if not limits:
        return
    km, name = min(limits)
    if document["max_distance_km"] == 0:
        yield Finding(ERROR, "no_distance", "", "A maximum distance of 0 km reaches nobody.")
    nearest = [world.nearest_km[code] for code in left if code in world.nearest_km]
    if nearest and km < min(nearest):
        yield Finding(
            ERROR, "below_every_source", name,
            f"{km:,} km is less than the way from every source to any customer; the shortest is {min(nearest):,.0f} km.",
        )  # fmt: skip
    for other, of in limits:
        if other > km and of:
            yield Finding(
                WARNING, "longer_than_another", of, f"Of overlapping distances the lowest counts: {km:,} km."
            )


def _counts_of_sources(document, by_kind) -> Iterator[Finding]:
    per_order = [(row["parameters"]["count"], row["name"]) for row in by_kind.get("sources_per_order", ())]
    most, _ = min([*per_order, (document["max_sources_per_order"], "")])
    for row in by_kind.get("sources_per_line", ()):
        if row["parameters"]["count"] > most:
            yield Finding(
                WARNING,
                "line_above_order",
                row["name"],
                f"An order may use {most} source(s), so a line never more.",
            )
        if row["parameters"]["count"] > 1 and not document["split_lines"]:
            yield Finding(
                WARNING, "lines_not_split", row["name"], "The strategy splits no line, so this has no effect."
            )
    for row in by_kind.get("restrict_partial", ()):
        if document["rest"] == "split" and row["is_hard"]:
            yield Finding(
                ERROR,
                "whole_and_split",
                row["name"],
                "Orders go out whole, but the rest is to be split off and wait.",
            )
        if most == 1 and row["is_hard"]:
            yield Finding(
                WARNING, "whole_from_one", row["name"],
                "An order goes out whole and from one source: it needs a source that has everything.",
            )  # fmt: skip
    for row in by_kind.get("no_split", ()):
        if most == 1:
            yield Finding(
                WARNING, "never_split", row["name"], "An order uses one source anyway, so this has no effect."
            )


def _stock(by_kind) -> Iterator[Finding]:
    for row in by_kind.get("minimum_inventory", ()):
        for other in by_kind.get("safety_stock", ()):
            same = all(row[name] == other[name] for name in ("source_list", "category", "skus"))
            if same and row["parameters"]["units"] <= other["parameters"]["units"]:
                yield Finding(
                    WARNING, "minimum_within_safety", row["name"],
                    f"The safety stock “{other['name']}” keeps more than that already.",
                )  # fmt: skip
    for row in by_kind.get("lines_per_day", ()):
        if row["parameters"]["count"] == 0 and row["is_hard"]:
            yield Finding(
                WARNING,
                "no_lines_a_day",
                row["name"],
                "No line a day takes these sources off; offline says so plainly.",
            )


def _priority(rows, world: World, usable: frozenset[str]) -> Iterator[Finding]:
    for row in rows:
        outside = sorted(set(row["parameters"].get("ranks", {})) - usable)
        if outside:
            yield Finding(
                ERROR if row["is_hard"] else WARNING, "priority_outside", row["name"],
                f"It ranks {', '.join(outside)}, which the strategy does not use.",
            )  # fmt: skip


def _classes(rows, world: World, left: frozenset[str]) -> Iterator[Finding]:
    banned: dict[str, set[str]] = {}
    for row in rows:
        if not row["source_list"]:
            banned.setdefault(row["parameters"]["ship_class"], set()).add(row["parameters"]["source_type"])
    types = {world.types[code] for code in left if code in world.types}
    for ship_class, kinds in banned.items():
        if types and types <= kinds:
            yield Finding(
                ERROR, "class_from_nowhere", "", f"No source of the strategy may ship {ship_class} goods."
            )


def _timings(rows, world: World, left: frozenset[str]) -> Iterator[Finding]:
    if rows and left and not left & world.timed:
        yield Finding(
            WARNING,
            "no_timings",
            rows[0]["name"],
            "No source has a calendar or a cutoff, so this has no effect.",
        )


def _twice(by_kind) -> Iterator[Finding]:
    seen: dict[tuple, str] = {}
    for kind, rows in by_kind.items():
        for row in rows:
            key = (kind, row["source_list"], row["category"], tuple(row["skus"]), row["is_hard"],
                   repr(sorted(row["parameters"].items())), row["valid_from"], row["valid_until"])  # fmt: skip
            if key in seen:
                yield Finding(WARNING, "twice", row["name"], f"It says the same as “{seen[key]}”.")
            seen.setdefault(key, row["name"])
