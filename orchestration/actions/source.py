"""Finding a source: by strategy (Send to DOM) or by policy (Assign fulfillment source, Send fulfillment process request)."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from operator import attrgetter
from typing import Any

from fulfillment.locks import LIST_DAYS
from fulfillment.selectors import batch_strategies
from fulfillment.services.optimizing import optimize_lines
from fulfillment.services.resting import BACKORDER, INBOX, SPLIT
from fulfillment.services.sourcing import source_lines
from fulfillment.types import LineDemand, LineSourcing
from orchestration.actions import backorder
from orchestration.actions.backorder import WAITS_FOR
from orchestration.actions.base import OK, Action, Batch, Item, Result, failed, partly, register, waiting
from orchestration.services import batches
from orders.models import Hold, OrderLine

SOURCED = frozenset({"sourced", "reserved", "sent", "shipped", "invoiced"})
Records = list[tuple[Item, OrderLine]]
MODES = ("check", "create", "check_and_create")


class Sourcing(Action):
    level = "order_line"
    locks = LIST_DAYS
    success, failure = "order_line.sourced", "order_line.not_sourced"
    all_success, any_failure = "order.sourced", "order.not_sourced"
    done_reasons = SOURCED

    def run(self, batch: Batch) -> dict[int, Result]:
        found = self.plan(batch, list(batch.records()))
        return {pk: _result(one) for pk, one in found.items()}

    def plan(self, batch: Batch, records: Records) -> dict[int, LineSourcing]:
        """What became of each line, planned here and now."""
        under_way = _under_way(batch)
        demands = [_demand(item.order, line, under_way[item.order.id]) for item, line in records]
        found = self.find(  # who came first chooses first, however the batch was claimed
            sorted([d for d in demands if d.quantity > 0], key=attrgetter("order_id")),
            actor=batch.wave.actor,
            **self.mode(batch.step),
        )
        batch.wave.forget_fulfillment_orders()
        return found

    def mode(self, step: Mapping[str, Any]) -> dict[str, Any]:
        return {}

    def find(self, demands: list[LineDemand], *, actor: str, **mode: Any) -> dict[int, LineSourcing]:
        return source_lines(demands, actor=actor, **mode)


class ByStrategy(Sourcing):
    """The strategy of the order decides: whether its lines wait to be planned together with others, and what happens to
    those that find no source, which is `fulfillment.services.resting`.
    """

    def run(self, batch: Batch) -> dict[int, Result]:
        records = list(batch.records())
        found, results = self._from_batches(batch, records)
        results |= self._on_hold(
            batch, [r for r in records if not r[0].arrived and r[1].id not in results | found]
        )
        results |= self._join(batch, [r for r in records if r[1].id not in results and r[1].id not in found])
        found |= self.plan(batch, [r for r in records if r[1].id not in results and r[1].id not in found])
        self._hold(batch, records, found)
        return results | {pk: _by_rest(one) for pk, one in found.items()}

    def _from_batches(
        self, batch: Batch, records: Records
    ) -> tuple[dict[int, LineSourcing], dict[int, Result]]:
        """What batches have answered, and who waits for the next one."""
        known = [item.run.id for item in batch.items if not item.arrived]
        found, due = batches.answers(known, batch.step["key"]) if known else ({}, {})
        here = {line.id for _, line in records}
        return (
            {line: one for (_, line), one in found.items() if line in here},
            {line: waiting(batches.wait_words(at)) for (_, line), at in due.items() if line in here},
        )

    def _on_hold(self, batch: Batch, records: Records) -> dict[int, Result]:
        """Lines that wait for stock go on waiting while their order is on its hold."""
        held = batch.wave.held_orders(Hold.Type.BACKORDER)
        if freed := [line for item, line in records if item.order.pk not in held]:
            backorder.release(batch.wave, freed)
        return {line.id: waiting(WAITS_FOR) for item, line in records if item.order.pk in held}

    def _join(self, batch: Batch, records: Records) -> dict[int, Result]:
        """Lines of batching strategies wait for the next batch."""
        by_strategy = batch_strategies() if records else {}
        if not by_strategy:
            return {}
        joining, under_way, results = defaultdict(list), _under_way(batch), {}
        for item, line in records:
            document = by_strategy.get(item.order.strategy)
            if document and _to_find(line, under_way[item.order.id]) > 0:
                row = (item.run.id, batch.step["key"], self.key, item.order.id, line.id)
                joining[document["key"]].append(row)
        for key, rows in sorted(joining.items()):
            at = batches.join(rows, key, by_strategy[key]["batch_minutes"])
            results |= dict.fromkeys([row[-1] for row in rows], waiting(batches.wait_words(at)))
        return results

    def _hold(self, batch: Batch, records: Records, found: Mapping[int, LineSourcing]) -> None:
        lines = [line for _, line in records if line.id in found and _waits(found[line.id])]
        if lines:
            part = [line.id for line in lines if found[line.id].outcome == "partly"]
            blocks = [f"hold:{batch.step['key']}"]
            backorder.place(batch.wave, lines, reason="No source has the stock", blocks=blocks, part=part)


@register
class SendToDom(ByStrategy):
    """The strategy of the order decides. A line that a policy gave a source is checked there and nowhere else."""

    key, label = "send_to_dom", "Send to DOM"


@register
class SendToFulfillmentOptimization(ByStrategy):
    """Plan, take capacity and hold the stock in one go; the strategy of the order says what counts. Source: P-13."""

    key, label = "send_to_fulfillment_optimization", "Send to fulfillment optimization"

    def find(self, demands: list[LineDemand], *, actor: str, **mode: Any) -> dict[int, LineSourcing]:
        return optimize_lines(demands, actor=actor)


@register
class SendFulfillmentProcessRequest(Sourcing):
    """Policy-based fulfillment (reference PBF-1): `mode` is check, create, or check_and_create, for assigned sources."""

    key, label = "send_fulfillment_process_request", "Send fulfillment process request"

    def mode(self, step: Mapping[str, Any]) -> dict[str, Any]:
        return {"mode": (step.get("parameters") or {}).get("mode", "check_and_create")}

    def problems(self, step: Mapping[str, Any]) -> list[str]:
        return [] if self.mode(step)["mode"] in MODES else [f"“mode” must be one of {', '.join(MODES)}"]


@register
class AssignFulfillmentSource(Action):
    """Its execution policies set the fulfillment source of lines; lines that no rule matched stay free to be sourced."""

    key, label, level = "assign_fulfillment_source", "Assign fulfillment source", "order_line"
    all_success = "order.source_assigned"

    def run(self, batch: Batch) -> dict[int, Result]:
        batch.wave.reload_line_sources([line.id for _, line in batch.records()])
        return {}

    def problems(self, step: Mapping[str, Any]) -> list[str]:
        return [] if step.get("policies") else ["needs an execution policy that sets the source"]


def _waits(found: LineSourcing) -> bool:
    """Does the strategy let what found no source wait for stock."""
    return found.rest in (BACKORDER, SPLIT) and found.outcome in ("not_sourced", "partly")


def _by_rest(found: LineSourcing) -> Result:
    """The result as the strategy says what happens to the rest."""
    plain = _result(found)
    if _waits(found):
        return replace(plain, rest_waits=WAITS_FOR) if plain.status == "partly" else waiting(WAITS_FOR)
    return replace(plain, for_person=True) if found.rest == INBOX and plain.status != "ok" else plain


def _result(found: LineSourcing) -> Result:
    if found.outcome == "sourced":
        return OK
    if found.outcome == "partly":
        return partly("partly_sourced", found.reason)
    if found.outcome == batches.DIED[0]:
        return failed("worker_died", found.reason)
    return failed("not_sourced", found.reason or "No source has the stock.")


def _under_way(batch: Batch) -> dict[int, Mapping[int, int]]:
    return {item.order.id: batch.wave.units_under_way(item.order.id) for item in batch.items}


def _to_find(line: OrderLine, under_way: Mapping[int, int]) -> int:
    return line.quantity - line.quantity_shipped - line.quantity_canceled - under_way.get(line.id, 0)


def _demand(order, line, under_way: Mapping[int, int]) -> LineDemand:
    return LineDemand(
        order_id=order.id,
        line_id=line.id,
        product_id=line.product_id,
        sku=line.sku,
        quantity=_to_find(line, under_way),
        latitude=order.ship_to_latitude,
        longitude=order.ship_to_longitude,
        region=order.ship_to_region,
        country=order.ship_to_country,
        strategy=order.strategy,
        fixed_source_id=line.source_id if line.source_is_assigned else None,
    )
