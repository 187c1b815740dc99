"""Does what worked then decide the same again? Where not: which line, and what is different now."""

from collections.abc import Mapping
from typing import Any

from fulfillment.sourcing_strategy import LinePlan
from fulfillment.what_if.measure import Outcome
from fulfillment.what_if.past import Made

DEARER = "dearer in this plan"
KINDS = {
    "price": "Rates or costs have changed since",
    "stock": "Stock looked otherwise then",
    "capacity": "Capacity looked otherwise then",
    "rule": "A source is out now that was in then, or the other way round",
    "gone": "A source is not there any more",
    "equal": "Another place at the same cost",
    "version": "What the strategy said then is not kept",
    "batch": "Others that were planned with it went elsewhere",
    "unknown": "Nothing that is recorded says why",
}


def differs(made: Made, then: Outcome, again: Outcome) -> bool:
    """Other places, or the same at another cost. A cost that was not recorded is not compared."""
    if then.places() != again.places():
        return True
    return made.run is not None and then.costs != again.costs


def reason(
    made: Made, then: Outcome, plan: LinePlan, again: Outcome, *, codes: Mapping[int, str], alone: bool
) -> tuple[str, str]:
    """(kind, sentence) of a line that differs. `alone`: no other line of its call does."""
    if then.places() == again.places():
        return "price", f"The same places, but {_components(then.costs or {}, again.costs or {})}."
    left = then.places().keys() - again.places().keys()
    if gone := sorted(str(source) for source in left if source not in codes):
        return "gone", f"There is no source {', '.join(gone)} any more."
    was, now = _by_code(made.candidates), _by_code(plan.candidates)
    out_now = _out({codes[source] for source in left}, now, "is out now")
    out_then = _out(
        {codes[source] for source in again.places().keys() - then.places().keys()}, was, "was out then"
    )
    return (
        _stock(was, now)
        or out_now
        or out_then
        or _price(was, now)
        or _rest(made, then, again, alone)
    )  # fmt: skip


def _by_code(candidates: list[dict]) -> dict[str, dict[str, Any]]:
    return {row["code"]: row for row in candidates}


def _stock(was: Mapping, now: Mapping) -> tuple[str, str] | None:
    for code in was.keys() & now.keys():
        then, again = was[code].get("available"), now[code].get("available")
        if then is not None and again is not None and then != again:
            return "stock", f"{code} had {then:,} by the record of the decision, {again:,} by the ledger."
    return None


def _out(codes: set[str], rows: Mapping, words: str) -> tuple[str, str] | None:
    for code in sorted(codes):
        why = rows.get(code, {}).get("removed_by", "")
        if why and why != DEARER:
            return _kind(why), f"{code} {words}: {why}."
    return None


def _kind(why: str) -> str:
    if why.startswith("out of stock") or why == "taken by other orders":
        return "stock"
    return "capacity" if why == "no capacity left" else "rule"


def _price(was: Mapping, now: Mapping) -> tuple[str, str] | None:
    for code in sorted(was.keys() & now.keys()):
        then, again = was[code].get("cost_minor"), now[code].get("cost_minor")
        if then is not None and again is not None and then != again:
            return (
                "price",
                f"From {code} it cost {then / 100:,.2f} then, and {again / 100:,.2f} by what is set up now.",
            )
    return None


def _rest(made: Made, then: Outcome, again: Outcome, alone: bool) -> tuple[str, str]:
    if sum((then.costs or {}).values()) == sum((again.costs or {}).values()) and then.units == again.units:
        return "equal", "Another place at the same cost."
    if not alone:
        return "batch", "Other lines that were planned with it went elsewhere."
    if made.version == 0:
        return "version", "A draft decided that was not published; what it said then is not kept."
    return "unknown", "Stock, rules and costs look the same; nothing that is recorded says why."


def _components(then: Mapping[str, int], again: Mapping[str, int]) -> str:
    changed = [
        f"{name} was {then.get(name, 0) / 100:,.2f} and would be {again.get(name, 0) / 100:,.2f}"
        for name in sorted(then.keys() | again.keys())
        if then.get(name, 0) != again.get(name, 0)
    ]
    return ", ".join(changed)
