"""A test run: an order goes through a draft by the same engine, in a transaction that is always taken back.

The order is a copy of a real one, or pasted JSON. What a provider would be asked is answered here by a sample outcome
or by a failure that the caller chose. Nothing is kept, no bell is rung, nothing leaves the house.
"""

import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from fulfillment.models import FulfillmentOrder
from fulfillment.services import execution
from fulfillment.types import ShipmentReport
from orchestration.engine import advance as engine
from orchestration.engine.claim import LEASE, MOST_ATTEMPTS
from orchestration.engine.graph import compile_steps
from orchestration.entities import registered
from orchestration.models import Flow, FlowRun, FlowVersion, StepResult, StepRun
from orchestration.policies.evaluate import evaluate
from orchestration.policies.explain import actual_words
from orchestration.services import publishing
from orchestration.services.simulation_world import ACTOR, Stock, copy_of, lay_out, read
from orders.models import BusinessEvent, Order, OrderLine
from orders.services.events import apply_event, record
from orders.services.holds import release_holds
from orders.services.intake import create_orders
from orders.types import Raised
from providers.models import ProviderRequest
from providers.services import effects

MOST_ROUNDS = 60
REFUSED = "Refused, as you chose for this test run."


@dataclass(slots=True)
class Told:
    """What a policy said of a record, with the values it saw."""

    policy: str
    passed: bool
    rules: Mapping[str, bool]
    values: Mapping[str, Any]
    sets: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class StepTold:
    key: str
    result: str
    code: str
    sentences: list[str]
    policies: list[Told]
    branches: Mapping[str, int | None] = field(default_factory=dict)


@dataclass(slots=True)
class Sent:
    """A request that would have left: to whom, what, and how it was answered here."""

    connection: str
    action: str
    payload: Mapping[str, Any]
    answer: str


@dataclass(slots=True)
class Simulation:
    """How it went; `refused` says why it did not even start. `standing` is where paths were left, in words."""

    refused: list[str] = field(default_factory=list)
    state: str = ""
    state_key: str = ""
    finished: bool = False
    steps: list[StepTold] = field(default_factory=list)
    standing: list[tuple[str, str, str]] = field(default_factory=list)  # step key, state, sentence
    sent: list[Sent] = field(default_factory=list)
    events: list[tuple[str, str]] = field(default_factory=list)  # kind, actor


@dataclass(frozen=True, slots=True)
class Choices:
    """`failing`: keys of steps whose provider refuses, or whose awaited event is the failure. The rest succeeds."""

    failing: frozenset[str] = frozenset()
    events_happen: bool = True
    holds_released: bool = False


def simulate(
    draft: Mapping[str, Any],
    *,
    order_id: int | None = None,
    document: Mapping[str, Any] | None = None,
    choices: Choices | None = None,
    stock: Stock | None = None,
) -> Simulation:
    """Run a copy of an order, or the order of a document, through the draft. Writes nothing.

    `stock` says what there is to take of its products, wherever else there is none; without it, what there is today.
    The rows of the order and its stock stay locked while it runs, some tenths of a second.
    """
    if problems := publishing.problems_of(draft):
        return Simulation(refused=[f"{where}: {sentence}" for where, sentence in problems])
    with transaction.atomic():
        try:
            return _rehearsed(draft, order_id, document, choices or Choices(), stock)
        finally:
            transaction.set_rollback(True)


def _rehearsed(
    draft: Mapping[str, Any],
    order_id: int | None,
    document: Mapping | None,
    choices: Choices,
    stock: Stock | None,
) -> Simulation:
    flow = _stage(draft)
    order_draft, faults = copy_of(order_id) if order_id else read(document)
    if stock is not None and not faults:
        faults = lay_out(stock, {line.sku for line in order_draft.lines})
    if faults:
        return Simulation(refused=faults)
    Order.objects.filter(channel_id=order_draft.channel_id, external_id=order_draft.external_id).update(
        external_id=secrets.token_hex(16)  # makes room for the copy; taken back with all the rest
    )
    (intake,) = create_orders([order_draft], actor=ACTOR)
    if intake.result != "created":
        return Simulation(refused=[error["message"] for error in intake.errors])
    run = _started(flow, intake.order_id)
    if run is None:
        events = ", ".join(draft["entry"]["events"])
        return Simulation(
            refused=[f"The flow does not take this order in: it starts with {events}, and its entry filters."]
        )
    return _Rehearsal(run, choices).play()


def _stage(draft: Mapping[str, Any]) -> Flow:
    """The draft as a published flow of its own, so that the listener starts runs of it as of any other."""
    policies, _ = publishing.policies_of(draft)
    flow = Flow.objects.create(key=f"test-{secrets.token_hex(8)}", name="Test run", draft=draft)
    compiled = {"entry": draft["entry"], "steps": compile_steps(draft["steps"]), "policies": policies}
    flow.live_version = FlowVersion.objects.create(flow=flow, number=1, definition=draft, compiled=compiled)
    flow.status = Flow.Status.PUBLISHED
    flow.save(update_fields=["live_version", "status"])
    return flow


def _started(flow: Flow, order_id: int) -> FlowRun | None:
    """The run that the listener made; where the flow does not start with new orders, its own event is raised."""
    entry = flow.live_version.compiled["entry"]["events"]
    if "order.new" not in entry and entry[0].startswith("order."):
        record([Raised(entry[0], "order", order_id, order_id)], actor=ACTOR)
    return FlowRun.objects.filter(flow=flow, order_id=order_id).first()


class _Rehearsal:
    def __init__(self, run: FlowRun, choices: Choices) -> None:
        self.run, self.choices = run, choices
        compiled = run.version.compiled
        self.steps, self.policies = compiled["steps"], compiled["policies"]
        self.answers: dict[int, str] = {}
        self.happened: set[tuple] = set()
        self.told: dict[int, list[Told]] = {}

    def play(self) -> Simulation:
        for _ in range(MOST_ROUNDS):
            self._advance()
            if not (self._answer() or self._happen() or self._release()):
                break
        return self._story()

    def _advance(self) -> None:
        """One claim of this run alone; what raises is parked at once, as no later attempt would come."""
        fencing = secrets.randbits(62)
        mine = FlowRun.objects.filter(pk=self.run.pk)
        mine.update(lease_until=Now() + LEASE, claimed_by=fencing, attempts=MOST_ATTEMPTS)
        engine._work(list(mine.only("id", "order_id", "attempts")), fencing)
        for result in StepResult.objects.filter(run=self.run).exclude(pk__in=self.told):
            self.told[result.pk] = self._policies_of(result)

    # -- the world outside ----------------------------------------------------------------------------------------

    def _answer(self) -> bool:
        """Settle what the run asked of providers, in the way the border does when an answer has come."""
        asked = ProviderRequest.objects.filter(
            key__startswith=f"run:{self.run.pk}/", state=ProviderRequest.State.READY
        )
        found = list(asked.select_related("connection").order_by("pk"))
        for request in found:
            fails = request.key.split("/")[1] in self.choices.failing
            request.state = ProviderRequest.State.FAILED if fails else ProviderRequest.State.DONE
            request.error_code, request.error = ("provider_rejected", REFUSED) if fails else ("", "")
            request.response = {} if fails else _sample(request)
            request.done_at = timezone.now()
            request.save(update_fields=["state", "error_code", "error", "response", "done_at"])
            self.answers[request.pk] = "refused" if fails else "taken"
        effects.settled(found, actor=ACTOR)
        return bool(found)

    def _happen(self) -> bool:
        """Raise the events that paths wait for, once for each visit of a step."""
        moved = False
        for token in StepRun.objects.filter(run=self.run, state=StepRun.State.WAITING):
            step = self.steps[token.step]
            event = self._awaited(step)
            place = (token.pk, token.step, token.visit)
            if not event or place in self.happened or step.get("action") == "hold":
                continue
            self.happened.add(place)
            self._raise(event, token)
            moved = True
        return moved

    def _awaited(self, step: Mapping[str, Any]) -> str:
        failures = (step.get("parameters") or {}).get("failure_events") or []
        if step["key"] in self.choices.failing and failures:
            return failures[0]
        return (step.get("input_events") or [""])[0] if self.choices.events_happen else ""

    def _raise(self, event: str, token: StepRun) -> None:
        records = self._records(event.partition(".")[0], token)
        if event == "fulfillment_order.shipped":
            execution.ship([_shipment(found) for found in records], actor=ACTOR)
            return
        outcome = apply_event(event, records, actor=ACTOR)
        kept = [found for found in records if found.pk in outcome.refused]
        entity = event.partition(".")[0]
        record([Raised(event, entity, found.pk, self.run.order_id) for found in kept], actor=ACTOR)

    def _records(self, entity: str, token: StepRun) -> list:
        Order.objects.lock([self.run.order_id])
        if entity == "order_line":
            lines = OrderLine.objects.live().filter(order_id=self.run.order_id)
            return list(lines.filter(pk__in=token.lines) if token.lines is not None else lines)
        if entity == "fulfillment_order":
            work = FulfillmentOrder.objects.filter(
                order_id=self.run.order_id, state__in=FulfillmentOrder.OPEN
            )
            ids = token.fulfillment_orders
            return list(work.filter(pk__in=ids) if ids is not None else work)
        if entity in registered():
            rows = registered()[entity].model._base_manager.filter(order_id=self.run.order_id)
            return list(rows.filter(pk__in=token.custom[1]) if token.custom else rows)
        return list(Order.objects.filter(pk=self.run.order_id))

    def _release(self) -> bool:
        if not self.choices.holds_released:
            return False
        return bool(release_holds([self.run.order_id], actor=ACTOR).changed)

    # -- what is told ---------------------------------------------------------------------------------------------

    def _policies_of(self, result: StepResult) -> list[Told]:
        """What the engine kept of policies, and for those that passed silently what they say right now."""
        told, seen = [], set()
        records = {**(result.detail.get("skipped") or {}), **(result.detail.get("records") or {})}
        for found in records.values():
            for key, verdict in found.items():
                if isinstance(verdict, dict) and key in self.policies:
                    seen.add(key)
                    told.append(
                        self._told(
                            key, verdict["passed"], verdict["rules"], verdict["values"], verdict.get("sets")
                        )
                    )
        if result.result in (StepResult.Result.SUCCESS, StepResult.Result.SKIPPED):
            step = self.steps[result.step]
            named = [*step.get("filters", []), *step.get("policies", [])]
            named += [key for branch in step.get("branches", []) for key in branch.get("filters", [])]
            left = [key for key in dict.fromkeys(named) if key not in seen]
            told += [
                found
                for key in left
                if not (seen and key in step.get("policies", []))
                for found in self._now(key)
            ]
        return _distinct(told)

    def _now(self, key: str) -> list[Told]:
        policy = self.policies[key]
        names = [rule["name"] for rule in policy["rules"]]
        return [
            self._told(key, verdict.passed, dict(zip(names, verdict.rules, strict=False)), verdict.values)
            for verdict in evaluate(policy, self._ids(policy["entity"])).values()
        ]

    def _ids(self, entity: str) -> list[int]:
        if entity == "order":
            return [self.run.order_id]
        model = OrderLine if entity == "order_line" else FulfillmentOrder
        return list(model.objects.filter(order_id=self.run.order_id).values_list("pk", flat=True))

    def _told(
        self, key: str, passed: bool, rules: Mapping, values: Mapping, sets: Mapping | None = None
    ) -> Told:
        told = actual_words(self.policies[key]["entity"], values, values)
        shown = {name: "nothing" if value is None or value == "" else value for name, value in told.items()}
        return Told(self.policies[key]["name"], passed, dict(rules), shown, dict(sets or {}))

    def _story(self) -> Simulation:
        run = FlowRun.objects.get(pk=self.run.pk)
        order = Order.objects.get(pk=run.order_id)
        story = Simulation(
            state=dict(Order.State.choices).get(order.state, order.state),
            state_key=order.state,
            finished=run.state in FlowRun.FINAL,
        )
        for result in StepResult.objects.filter(run=run).order_by("pk"):
            story.steps.append(self._step(result))
        for token in StepRun.objects.filter(run=run).order_by("pk"):
            story.standing.append(
                (token.step.removesuffix(".merge"), token.state, token.error or token.waiting_for)
            )
        asked = ProviderRequest.objects.filter(order_id=order.pk).select_related("connection").order_by("pk")
        for request in asked:
            answer = self.answers.get(request.pk, "not answered here")
            story.sent.append(Sent(request.connection.name, request.action, request.payload, answer))
        events = BusinessEvent.objects.filter(order_id=order.pk).order_by("pk")
        story.events = list(events.values_list("kind", "actor"))
        return story

    def _step(self, result: StepResult) -> StepTold:
        detail = result.detail
        branches = {detail["branch"]: None} if detail.get("branch") else detail.get("branches") or {}
        records = (detail.get("records") or {}).values()
        sentences = list(dict.fromkeys(found["sentence"] for found in records if found.get("sentence")))
        return StepTold(
            result.step, result.result, result.code, sentences, self.told.get(result.pk, []), branches
        )


def _sample(request: ProviderRequest) -> dict[str, Any]:
    """The answer of a provider that takes it, in the words of the border."""
    payload = request.payload or {}
    name = f"TEST-{request.record_id}"
    amount, currency = payload.get("amount_minor"), payload.get("currency") or "USD"
    return {
        "id": name,
        "number": name,
        "amount_minor": amount if isinstance(amount, int) else 0,
        "currency": currency,
    }


def _shipment(work: FulfillmentOrder) -> ShipmentReport:
    return ShipmentReport(f"test-{work.pk}", work.pk, "Test carrier", f"TEST-{work.pk}", timezone.now())


def _distinct(told: list[Told]) -> list[Told]:
    """Equal verdicts on many records are told once."""
    seen: dict[str, Told] = {}
    for found in told:
        seen.setdefault(repr((found.policy, found.passed, found.rules, found.values, found.sets)), found)
    return list(seen.values())


def outcomes(story: Simulation) -> dict[str, list[StepTold]]:
    """Results by step, in order."""
    found: dict[str, list[StepTold]] = defaultdict(list)
    for step in story.steps:
        found[step.key].append(step)
    return found


def failable(steps: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Steps whose outcome outside can be chosen: (key, name)."""
    return [
        (step["key"], step["name"])
        for step in steps
        if step.get("provider_action") or (step.get("parameters") or {}).get("failure_events")
    ]
