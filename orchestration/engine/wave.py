"""What a batch of runs needs, loaded in a fixed number of queries, and what it leaves behind, written at the end."""

import sys
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import OperationalError
from django.db.models import Model
from django.db.models.functions import Now
from django.utils import timezone

from fulfillment.models import FulfillmentOrder
from iom.lib import bulk
from iom.lib.words import entity_of
from orchestration.engine import rows, versions
from orchestration.engine import tokens as token_rows
from orchestration.engine.tokens import State, Token
from orchestration.entities import registered
from orchestration.models import FlowRun, StepResult, StepRun
from orders.models import BusinessEvent, Order, OrderLine
from orders.services.events import apply_event, record
from orders.services.transitions import TransitionTable
from orders.types import Raised

RESULT_COLUMNS = ("run", "order", "step", "result", "code", "detail", "visit", "at", "duration_ms")
RUN_COLUMNS = ("state", "due_at", "lease_until", "attempts", "finished_at")
BROUGHT = (FulfillmentOrder.State.SHIPPED, FulfillmentOrder.State.DELIVERED)
GONE = (FulfillmentOrder.State.REJECTED, FulfillmentOrder.State.CANCELED)

CANCELED_LINE = OrderLine.State.CANCELED.value
IMPATIENCE_SECONDS = 30.0
PUT_OFF = timedelta(seconds=1)
_impatient_until = 0.0


class Wave:
    """A batch of claimed runs inside the engine's transaction; orders are locked, then runs, in id order."""

    def __init__(self, runs: Sequence[FlowRun], orders: Sequence[Order], collected: list) -> None:
        self.now = timezone.now()
        self.runs = {run.id: run for run in runs}
        self.collected = collected
        self.table = TransitionTable()
        self.versions = versions.load({run.version_id for run in runs})
        self.results: list[tuple] = []
        self.stopped: set[int] = set()  # runs that end because their order was canceled
        self.unfinished: set[int] = set()  # runs with a step that is left to the next transaction
        self._fulfillment: dict[int, list[FulfillmentOrder]] | None = None
        self._custom: dict[str, dict[int, list[Model]]] = {}
        self.order_of = {run.id: run.order_id for run in runs}
        compiled = {pk: version.compiled for pk, version in self.versions.items()}
        self._compiled = {run.id: compiled[run.version_id] for run in runs}
        flows = {version.flow.key for version in self.versions.values()}
        self.paused = {
            pk: paused for pk, version in self.versions.items() if (paused := version.flow.paused_steps)
        }
        self.actor = f"flow:{flows.pop()}" if len(flows) == 1 else "flow"
        self._shared: dict[tuple, dict] = {}
        self._load(orders)

    # -- loading ------------------------------------------------------------------------------------------------

    def _load(self, orders: Sequence[Order]) -> None:
        ids = {run.order_id for run in self.runs.values()}
        self.orders: dict[int, Order] = {order.id: order for order in orders if order.id in ids}
        self.lines: dict[int, list[OrderLine]] = defaultdict(list)
        for line in bulk.instances(OrderLine, rows.LINE_FIELDS, rows.lines(ids)):
            self.lines[line.order_id].append(line)
        self.tokens: dict[int, list[Token]] = {pk: [] for pk in self.runs}
        for token in token_rows.load(rows.tokens(self.runs)):
            self.tokens[token.run_id].append(token)
        self.reload_holds()

    def reload_holds(self) -> None:
        self.holds: dict[int, list[tuple[str, list]]] = defaultdict(list)
        for order_id, kind, blocks in rows.holds(self.orders):
            self.holds[order_id].append((kind, blocks))

    def reload_states(self, order_ids: Collection[int]) -> None:
        """After a service that moves states by itself: look again."""
        for pk, state, reason in Order.objects.filter(pk__in=order_ids).values_list(
            "pk", "state", "state_reason"
        ):
            self.orders[pk].__dict__.update(state=state, state_reason=reason)
        fresh = OrderLine.objects.filter(order_id__in=order_ids).values_list("pk", "state", "state_reason")
        states = {pk: (state, reason) for pk, state, reason in fresh}
        for order_id in order_ids:
            for line in self.lines[order_id]:
                line.__dict__.update(zip(("state", "state_reason"), states[line.id], strict=True))
        self.reload_holds()
        self.forget_fulfillment_orders()

    def reload_line_sources(self, line_ids: Collection[int]) -> None:
        fresh = OrderLine.objects.filter(pk__in=line_ids).values_list("pk", "source_id", "source_is_assigned")
        found = {pk: (source, assigned) for pk, source, assigned in fresh}
        for lines in self.lines.values():
            for line in lines:
                if line.id in found:
                    line.source_id, line.source_is_assigned = found[line.id]

    def forget_fulfillment_orders(self) -> None:
        self._fulfillment = None

    def fulfillment_orders(self, order_id: int) -> list[FulfillmentOrder]:
        """The order's fulfillment orders, each with `line_quantities`: order line id -> units not shipped yet."""
        if self._fulfillment is None:
            self._fulfillment = self._load_fulfillment()
        return self._fulfillment.get(order_id, [])

    def custom_records(self, entity: str, order_id: int) -> list[Model]:
        """The order's records of a registered entity, those that have ended left out."""
        if entity not in self._custom:
            there = registered()[entity].model._base_manager.filter(order_id__in=self.orders).order_by("pk")
            self._custom[entity] = grouped = defaultdict(list)
            for row in there:
                grouped[row.order_id].append(row)
        ended = registered()[entity].ended
        found = self._custom[entity].get(order_id, [])
        return [row for row in found if row.state not in ended] if ended else found

    def reload_custom(self, entity: str) -> None:
        """After rules wrote fields of these records: what is in memory follows."""
        known = [row for each in self._custom.get(entity, {}).values() for row in each]
        fresh = registered()[entity].model._base_manager.in_bulk([row.pk for row in known])
        for row in known:
            row.__dict__.update({k: v for k, v in fresh[row.pk].__dict__.items() if k != "_state"})

    def _load_fulfillment(self) -> dict[int, list[FulfillmentOrder]]:
        found = bulk.instances(FulfillmentOrder, rows.FULFILLMENT_FIELDS, rows.fulfillment(self.orders))
        by_id = {row.id: row for row in found}
        for row in found:
            row.line_quantities = {}
        for pk, line, wanted, shipped in rows.fulfillment_lines(by_id):
            by_id[pk].line_quantities[line] = wanted - shipped
        grouped = defaultdict(list)
        for row in by_id.values():
            grouped[row.order_id].append(row)
        return grouped

    # -- questions ----------------------------------------------------------------------------------------------

    def steps(self, run_id: int) -> dict[str, dict]:
        return self._compiled[run_id]["steps"]

    def policies(self, run_id: int) -> dict[str, dict]:
        return self._compiled[run_id]["policies"]

    def live_lines(self, order_id: int) -> list[OrderLine]:
        # past the descriptor, which costs two calls a line
        return [line for line in self.lines[order_id] if line.__dict__["state"] != CANCELED_LINE]

    def wake(self) -> bool:
        """Tokens that wait for an event which this batch raised after they were looked at; True if there are any.

        The listener wakes other runs only: those of this batch end their transaction after their events are in it.
        """
        newest = {(e.order_id, e.kind): n for n, (e, _, _) in enumerate(self.collected, start=1)}
        woken = False
        for run_id, order_id in self.order_of.items():
            for token in self.live_tokens(run_id):
                if token.state != State.WAITING or token.pending:
                    continue
                if any(newest.get((order_id, kind), 0) > token.looked for kind in self._kinds(token)):
                    token.pending = woken = True
        return woken

    def _kinds(self, token: Token) -> list[str]:
        step = self.steps(token.run_id)[token.step]
        return [*step.get("input_events", ()), *(step.get("parameters") or {}).get("failure_events", ())]

    def end_paths(self, order_ids: Collection[int]) -> None:
        """End the runs of this batch for these orders: others go on for them."""
        for run_id, order_id in self.order_of.items():
            if order_id in order_ids:
                for token in self.tokens[run_id]:
                    token.ended = True

    def live_tokens(self, run_id: int) -> list[Token]:
        return [token for token in self.tokens[run_id] if not token.ended]

    def held_orders(self, kind: str) -> set[int]:
        return {order_id for order_id, holds in self.holds.items() if any(held == kind for held, _ in holds)}

    def blocking_hold(self, order_id: int, action_key: str) -> str:
        """The type of a hold that forbids this action now, or nothing."""
        return next(
            (kind for kind, blocks in self.holds.get(order_id, ()) if not blocks or action_key in blocks), ""
        )

    def records(self, token: Token, level: str) -> list[Model]:
        """The records of a level that a token stands for, canceled ones left out."""
        order_id = self.order_of[token.run_id]
        if level == "order":
            return [self.orders[order_id]]
        if level == "order_line":
            wanted = self.line_ids(token)
            return [line for line in self.live_lines(order_id) if wanted is None or line.id in wanted]
        if level != "fulfillment_order":
            found, only = self.custom_records(level, order_id), token.custom
            return [row for row in found if row.pk in only[1]] if only and only[0] == level else found
        if token.fulfillment_orders is not None:
            every = self.fulfillment_orders(order_id)
            return [
                f
                for f in every
                if f.id in token.fulfillment_orders and f.state != FulfillmentOrder.State.CANCELED
            ]
        return [
            f
            for f in self.fulfillment_orders(order_id)
            if f.state not in GONE and (token.lines is None or token.lines & f.line_quantities.keys())
        ]

    def line_ids(self, token: Token) -> frozenset[int] | None:
        if token.fulfillment_orders is None:
            return token.lines
        order_id = self.order_of[token.run_id]
        ours = [f for f in self.fulfillment_orders(order_id) if f.id in token.fulfillment_orders]
        ids = frozenset(line for f in ours for line in f.line_quantities)
        return ids if token.lines is None else ids & token.lines

    def open_line_ids(self, token: Token) -> frozenset[int] | None:
        """The same without lines that a fulfillment order of its path has brought whole, unless all were."""
        every = self.line_ids(token)
        if token.fulfillment_orders is None:
            return every
        ours = self.fulfillment_orders(self.order_of[token.run_id])
        gone = [f for f in ours if f.id in token.fulfillment_orders and f.state in BROUGHT]
        brought = {line for f in gone for line, left in f.line_quantities.items() if not left}
        return every - brought or every

    def units_to_find(self, order_id: int) -> dict[int, int]:
        """Order line id -> units that no fulfillment order is to bring; lines that want none are left out."""
        found = {
            n.id: n.quantity - n.quantity_shipped - n.quantity_canceled for n in self.live_lines(order_id)
        }
        for work in self.fulfillment_orders(order_id):
            if work.state in FulfillmentOrder.OPEN:
                for line, quantity in work.line_quantities.items():
                    found[line] = found.get(line, 0) - quantity
        return {line: units for line, units in found.items() if units > 0}

    def units_under_way(self, order_id: int) -> dict[int, int]:
        """Order line id -> units that some source is working on already."""
        units: dict[int, int] = defaultdict(int)
        for found in self.fulfillment_orders(order_id):
            if found.state in FulfillmentOrder.WORK:
                for line, quantity in found.line_quantities.items():
                    units[line] += quantity
        return units

    def raised(
        self, order_ids: Collection[int], kinds: Collection[str]
    ) -> dict[int, set[tuple[int, str, str, int]]]:
        """(event id, kind, entity, record id) of the events of these kinds by order; one query. This batch's have no id
        yet: theirs is later than any."""
        found: dict[int, set] = defaultdict(set)
        events = BusinessEvent.objects.filter(order_id__in=order_ids, kind__in=kinds)
        for pk, order_id, kind, entity, record_id in events.values_list(
            "pk", "order_id", "kind", "entity", "record_id"
        ):
            found[order_id].add((pk, kind, entity, record_id))
        for event, _, _ in self.collected:
            if event.kind in kinds:
                found[event.order_id].add((sys.maxsize, event.kind, event.entity, event.record_id))
        return found

    # -- what it leaves behind ----------------------------------------------------------------------------------

    def raise_for(self, kind: str, records: Sequence[Model], payloads: dict | None = None) -> None:
        """Raise an event for records; where its transition does not apply now, the fact is kept and the state stays."""
        if not kind or not records:
            return
        if kind.startswith("order.") and not isinstance(records[0], Order):
            orders = {record.order_id: self.orders[record.order_id] for record in records}
            records, payloads = list(orders.values()), None
        outcome = apply_event(kind, records, actor=self.actor, payloads=payloads, table=self.table)
        kept = [item for item in records if item.id in outcome.refused]
        record(
            [
                Raised(
                    kind,
                    entity_of(type(item)),
                    item.id,
                    item.id if isinstance(item, Order) else item.order_id,
                    {"state_kept": item.state},
                )
                for item in kept
            ],
            actor=self.actor,
        )

    def note(
        self, token: Token, step: str, result: str, code: str, detail: dict[str, Any], milliseconds: int = 0
    ) -> None:
        run_id = token.run_id
        self.results.append(
            (
                run_id,
                self.order_of[run_id],
                step,
                result,
                code[:60],
                detail,
                token.visit,
                self.now,
                milliseconds,
            )
        )

    def shared(self, *names: Any) -> dict[str, Any]:
        """A detail of one name and value that many results have alike: one object, so it is written as JSON once."""
        if names not in self._shared:
            self._shared[names] = {names[0]: names[1]}
        return self._shared[names]

    def flush(self) -> None:
        """Write tokens, results and runs: one statement a kind."""
        every = [token for tokens in self.tokens.values() for token in tokens]
        again = self._next_attempts(every)
        gone = [token.pk for token in every if token.ended and token.pk]
        if gone:
            StepRun.objects.filter(pk__in=gone)._raw_delete("default")
        bulk.update(
            StepRun,
            "pk",
            token_rows.COLUMNS,
            [(t.pk, *t.row()) for t in every if t.pk and t.changed and not t.ended],
        )
        bulk.insert(StepRun, token_rows.COLUMNS, [t.row() for t in every if not t.pk and not t.ended])
        bulk.insert(StepResult, RESULT_COLUMNS, self.results)
        bulk.update(FlowRun, "pk", RUN_COLUMNS, [(pk, *self._run_row(pk, again)) for pk in self.runs])

    def _next_attempts(self, every: Iterable[Token]) -> dict[int, datetime]:
        """Run -> when the first of its steps that failed is to be tried again."""
        again: dict[int, datetime] = {}
        for token in [token for token in every if token.retry_at and not token.ended]:
            again[token.run_id] = min(token.retry_at, again.get(token.run_id, token.retry_at))
        return again

    def _run_row(self, run_id: int, again: Mapping[int, datetime]) -> tuple:
        live = self.live_tokens(run_id)
        if not live:
            end = FlowRun.State.CANCELED if run_id in self.stopped else FlowRun.State.DONE
            return (end, None, None, 0, self.now)
        states = {token.state for token in live}
        goes_on = run_id in self.unfinished
        due = self.now if goes_on else again.get(run_id)
        if State.FAILED in states:
            return (FlowRun.State.ATTENTION, due, None, 0, None)
        return (FlowRun.State.ACTIVE if goes_on else FlowRun.State.WAITING, due, None, 0, None)


def lock(runs: Sequence[FlowRun], fencing: int) -> tuple[list[FlowRun], list[Order]]:
    """Lock the orders, then the runs, in id order; the runs that are still this worker's come back, and all orders.

    After a lock that somebody forgot (the wait ended in lock_timeout), this process does not wait again for a while:
    runs of orders that are locked elsewhere are put off, so that one of them does not stop its whole batch.
    """
    global _impatient_until
    hurried = time.monotonic() < _impatient_until
    orders = {run.order_id for run in runs}
    try:
        found = rows.locked_if_free(orders) if hurried else rows.locked(orders)
        locked = bulk.instances(Order, rows.ORDER_FIELDS, found)
    except OperationalError:
        _impatient_until = time.monotonic() + IMPATIENCE_SECONDS
        raise
    free = {order.id for order in locked}
    if hurried and (busy := [run.id for run in runs if run.order_id not in free]):
        put_off = {"lease_until": None, "attempts": 0, "due_at": Now() + PUT_OFF}
        # One that is locked, too, comes again when its lease is over.
        FlowRun.objects.filter(pk__in=busy, claimed_by=fencing).locked(skip=True).update(**put_off)
    ours = [run.id for run in runs if run.order_id in free]
    return bulk.instances(FlowRun, rows.RUN_FIELDS, rows.locked_runs(ours, fencing)), locked


def orders_of(items: Iterable) -> list[int]:
    return list(dict.fromkeys(item.order.id for item in items))
