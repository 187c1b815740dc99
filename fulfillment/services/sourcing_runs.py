"""Keep what each solve was like, and what a plan takes of the capacity of its sources."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from fulfillment.models import SourcingRun
from fulfillment.services.capacity import Use
from fulfillment.sourcing_strategy import SOURCED, LinePlan

NO_LIMIT, MOST_PPM = 2**31, 2**31 - 1


def write_runs(reports: Sequence, *, actor: str, now: datetime, cause: str = "flow") -> list[int]:
    """Ids in the order of the reports."""
    rows = [_run(report, actor, now, cause) for report in reports]
    return [row.pk for row in SourcingRun.objects.bulk_create(rows)]


def write_nearest(
    plans: Mapping[int, LinePlan],
    orders: Mapping[int, int],
    strategies: Mapping[str, int],
    *,
    sources: int,
    ms: int,
    actor: str,
    now: datetime,
    cause: str,
) -> int:
    """The id of the run of plans that no solve made: nothing is priced, so there is no cost, bound or gap."""
    relaxed = Counter(name for plan in plans.values() for name in plan.relaxed or ())
    run = SourcingRun.objects.create(
        mode=SourcingRun.Mode.NEAREST, cause=cause, strategies=dict(strategies), orders=len({orders[pk] for pk in plans}),
        lines=len(plans), sources=sources,
        parcels=len({(orders[pk], source) for pk, plan in plans.items() for source, _, _ in plan.allocations}),
        unfilled_lines=sum(plan.outcome != SOURCED for plan in plans.values()),
        relaxed=[{"name": name, "lines": count} for name, count in relaxed.items()],
        solve_ms=ms, total_ms=ms, actor=actor, started_at=now - timedelta(milliseconds=ms), finished_at=now,
    )  # fmt: skip
    return run.pk


def _run(report, actor: str, now: datetime, cause: str) -> SourcingRun:
    solution, loaded = report.solution, report.loaded
    orders = loaded.orders
    return SourcingRun(
        mode=solution.mode,
        cause=cause,
        strategies={one.key: one.version for one in loaded.strategies},
        orders=len(orders),
        lines=len(loaded.lines),
        sources=len(loaded.nodes),
        parcels=len(solution.parcel_order),
        unfilled_lines=int((solution.unfilled_quantity > 0).sum()),
        cost_minor=solution.total_cents,
        bound_minor=solution.lower_bound,
        gap_ppm=gap_ppm(solution.lower_bound, solution.gap),
        components={name: cents for name, cents in solution.by_component().items() if cents},
        relaxed=[{"name": name, "lines": len(loaded.lines)} for name in report.relaxed],
        prices=_prices(solution),
        solve_ms=round(1000 * solution.seconds),
        total_ms=report.total_ms,
        actor=actor,
        started_at=now - timedelta(milliseconds=report.total_ms),
        finished_at=now,
    )


def gap_ppm(bound: int | None, gap: float | None) -> int | None:
    """None where the bound proves nothing: without one, or where it is no cost at all; never more than the column holds."""
    if gap is None or bound is None or bound <= 0:
        return None
    return min(MOST_PPM, max(0, round(1_000_000 * gap)))


def _prices(solution) -> bytes | None:
    """Whole cents of scarce stock, then of capacity, as 32 bit numbers; None where nothing is scarce."""
    stock, capacity = (
        solution.stock_price.round().astype("<i4"),
        solution.capacity_price.round().astype("<i4"),
    )
    if not stock.any() and not capacity.any():
        return None
    return stock.tobytes() + capacity.tobytes()


def uses_of(
    plans: Mapping[int, LinePlan], reports: Sequence, orders: Mapping[int, int]
) -> dict[tuple[int, date], Use]:
    """What planned lines take of sources with a limit; `orders`: order by line.

    The limits are those by which the lines were planned: one that gave way for some of them is counted and stops nobody.
    """
    units, lines, works, planned = defaultdict(int), defaultdict(int), defaultdict(set), defaultdict(set)
    for line, plan in plans.items():
        if plan.report is None:
            continue
        for source, quantity, _ in plan.allocations:
            units[source] += quantity
            lines[source] += 1
            works[source].add(orders[line])
            planned[source].add(plan.report)
    rows = [{row["pk"]: row for row in report.loaded.nodes if row["pk"] in planned} for report in reports]
    found = {}
    for source, used_by in planned.items():
        limited = [row for n in sorted(used_by) if (row := rows[n][source])["capacity_per_day"] is not None]
        if not limited:
            continue
        unit, regular = limited[0]["capacity_unit"], max(row["capacity_per_day"] for row in limited)
        most = max(row["capacity_per_day"] + row["overtime_per_day"] for row in limited)
        if len(limited) < len(used_by) or any(row["capacity_unit"] != unit for row in limited):
            most = NO_LIMIT
        amount = {"units": units[source], "lines": lines[source], "orders": len(works[source])}[unit]
        found[source, reports[0].loaded.days[source]] = Use(unit, regular, most, amount)
    return found
