"""Plan a cart as sourcing would plan the order, with prices and dates; then what is cheaper, earlier or greener.

The plan is made by the planner of the strategy, from the tables that orders are sourced from, so that it goes where the
order would go and costs what the order would cost.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

from django.utils import timezone

from fulfillment import shipping_setup
from fulfillment.checkout.asking import Asked, ask
from fulfillment.checkout.options import Offers, components, merged
from fulfillment.checkout.parts import Parts, Solved
from fulfillment.checkout.types import CHEAPEST, EARLIEST, GREENEST, PLAN, Cart, CartPlan, LineResult, Option
from fulfillment.checkout.ways import Ways
from fulfillment.loading import facts
from fulfillment.planner_optimizer import CostPlanner
from fulfillment.sourcing_strategy import LinePlan, Planner, planner_for
from inventory.models import Product
from inventory.services.reservations import reserve_or_refuse
from inventory.types import ReservationLine, ReservationRequest


def plan_cart(cart: Cart, *, now: datetime | None = None) -> CartPlan:
    """The plan first, then what is cheaper, earlier or greener, where it differs. Writes nothing.

    Raises UnknownStrategy, UnknownProduct, UnknownSource or DestinationNotLocated. What no source can bring is told by
    line with the reason. The number of queries does not depend on lines and sources.
    """
    asked = ask(cart)
    facts_of = partial(
        facts, now=now or timezone.now(), carrier=cart.carrier, source_ids=asked.holders,
        strategies=asked.strategies, lists=asked.lists,
    )  # fmt: skip
    plans = _planner(asked, facts_of).plan(asked.problem)
    reports = asked.problem.reports
    parts = Parts(asked, plans, facts_of, cart.confidence)
    strategy = reports[0].loaded.strategy if reports else parts.strategy
    solved = [(report.loaded, report.solution) for report in reports]
    solved = solved or parts.as_planned
    offers = Offers(cart, asked, parts.by_line, parts.known, shipping_setup.rate_factors())
    options = _options(offers, parts, solved, bool(reports))
    lines = [_line(n, plans[n], asked, cart, parts.has_services(n)) for n in range(len(cart.lines))]
    return CartPlan(
        str(uuid4()), strategy.key, strategy.version, next((one.currency for one in parts.known.services), "USD"),
        asked.located_by, options, tuple(lines), components([one for _, one in solved]),
        tuple(dict.fromkeys(name for plan in plans.values() for name in plan.relaxed or ())),
    )  # fmt: skip


def _planner(asked: Asked, facts_of: Callable) -> Planner:
    """That of orders; what compares carriers does so at this moment, and between the carriers that are asked for."""
    rules = asked.needs[0].rules
    planner = planner_for(rules.key, rules.objective)
    return CostPlanner(facts_of=facts_of) if isinstance(planner, CostPlanner) else planner


def _options(offers: Offers, parts: Parts, solved: Sequence[Solved], by_cost: bool) -> tuple[Option, ...]:
    if not any(len(solution.parcel_node) for _, solution in solved):
        return ()
    found = [offers.option(PLAN, solved)]
    cheapest = parts.cheapest(solved, by_cost)
    if cheapest is None:
        return merged(found)
    for kind, ways in (
        (CHEAPEST, cheapest),
        (EARLIEST, parts.by(Ways.earliest, cheapest)),
        (GREENEST, parts.by(Ways.greenest, cheapest)),
    ):
        found.append(offers.option(kind, ways))
    return merged(found)


def _line(n: int, plan: LinePlan, asked: Asked, cart: Cart, has_services: bool) -> LineResult:
    short = cart.lines[n].quantity - sum(units for _, units, _ in plan.allocations)
    return LineResult(
        tuple((pk, asked.sources[pk].code, units) for pk, units, _ in plan.allocations),
        short,
        _reason(n, plan, asked.problem.reports, has_services) if short else "",
        plan.sentence,
    )


def _reason(n: int, plan: LinePlan, reports: Sequence, has_services: bool) -> str:
    """The optimizer's, of the last rules that were tried for the line."""
    if plan.report is not None:
        report = reports[plan.report]
        if not has_services:
            return "no_service"
        row = next(row for row, line in enumerate(report.loaded.lines) if line.line_id == n)
        return report.solution.unfilled_reason[row]
    return "no_stock" if "out of stock" in plan.removed else "not_allowed"


# -- holding ------------------------------------------------------------------------------------------------------


def hold(plan: CartPlan, cart: Cart, *, seconds: int, actor: str) -> dict:
    """Hold the stock of the plan for so long; raises InsufficientStock, with nothing held, if some went meanwhile."""
    expires = timezone.now() + timedelta(seconds=seconds)
    products = dict(
        Product.objects.filter(sku__in={line.sku for line in cart.lines}).values_list("sku", "pk")
    )
    lines = tuple(
        ReservationLine(
            f"plan:{plan.execution_id}:{pk}:{n}", f"cart:{cart.order_id}"[:100], products[cart.lines[n].sku], pk, units,
        )
        for n, line in enumerate(plan.lines)
        for pk, _, units in line.allocations
    )  # fmt: skip
    reserve_or_refuse([ReservationRequest(lines, expires_at=expires)], actor=actor)
    return {"keys": [line.key for line in lines], "expires_at": expires}
