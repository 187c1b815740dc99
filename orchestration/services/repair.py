"""What a person does to paths that stand still: look again, retry, reprocess, skip, complete by hand, cancel.

Every function takes a batch, locks orders and then runs as the engine does, keeps who did it and why as a step result
`by_hand` and as a note on the order's timeline, and makes the runs due. Called again, it finds nothing left to do.
Effects have receipts under keys that no repair changes: what a provider has done is found again and never repeated, and
a request whose outcome is unknown is never taken for failed.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping

from django.db import transaction
from django.utils import timezone

from orchestration.actions.base import Item, failed
from orchestration.actions.provider import ProviderStep
from orchestration.engine import route
from orchestration.engine import step as stepping
from orchestration.engine.tokens import State, Token
from orchestration.models import FlowRun
from orchestration.services.repair_bench import MOVED_ON, OPEN, RESULT, Bench, runs_of
from orders.types import Outcome
from providers.models import ProviderRequest
from providers.registry import action as provider_action
from providers.services import outbox

ENDED = "The run has ended."
ANSWER_OUT = "A provider was asked and its answer is still out; decide that request first."
NO_STOP = "Nothing has stopped here."
WAKES_NOT = {
    State.FAILED: "It has stopped; retry it.",
    State.PAUSED: "Its step is paused; resume the step.",
}
NO_FAILURE_ROAD = "The step has no way on after a failure; skip it or cancel the run."


@transaction.atomic
def retry(token_ids: Collection[int], *, actor: str, reason: str = "") -> Outcome:
    """Try stopped steps again, from their filters on. Outcome of token ids; what has not stopped stays as it is.

    A refused provider request is sent again under its own key, so the provider knows what it has done already.
    """
    with Bench(runs_of(token_ids), actor=actor, reason=reason) as bench:
        stopped = _present(bench, token_ids)
        stopped = [token for token in stopped if token.state == State.FAILED]
        _send_again(bench, stopped)
        for token in stopped:
            bench.did(token, "Retried", RESULT.REQUESTED, error=token.error)
            route.place(bench.wave, token, token.step)
            bench.changed.append(token.pk)
    return bench.outcome()


@transaction.atomic
def wake(token_ids: Collection[int], *, actor: str, reason: str = "") -> Outcome:
    """Let the engine look now at what waits: what it waits for may have come while nobody listened. Nothing is left out.

    What has stopped is refused: that is retried.
    """
    with Bench(runs_of(token_ids), actor=actor, reason=reason) as bench:
        for token in _present(bench, token_ids):
            if token.state in WAKES_NOT:
                bench.refused[token.pk] = WAKES_NOT[token.state]
                continue
            bench.did(token, "Looked again", RESULT.REQUESTED, waiting_for=token.waiting_for)
            bench.changed.append(token.pk)
    return bench.outcome()


def _present(bench: Bench, token_ids: Collection[int]) -> list[Token]:
    for pk in set(token_ids) - bench.tokens.keys():
        bench.refused[pk] = MOVED_ON
    return [bench.tokens[pk] for pk in sorted(set(token_ids) & bench.tokens.keys())]


def _send_again(bench: Bench, tokens: Collection[Token]) -> None:
    found = bench.receipts(tokens, [ProviderRequest.State.FAILED])
    if ids := [request.pk for requests in found.values() for request in requests]:
        outbox.retry(ids, actor=bench.actor)


@transaction.atomic
def reprocess(run_ids: Collection[int], *, step: str, actor: str, reason: str = "") -> Outcome:
    """Take the stopped paths of runs back to an earlier step of their own branch, or to where they stand.

    Steps that other paths of the order are past already are refused: they would be done twice.
    """
    with Bench(run_ids, actor=actor, reason=reason) as bench:
        for run in bench.runs.values():
            if sentence := _cannot_go(bench, run, step):
                bench.refused[run.pk] = sentence
        going = [pk for pk in bench.runs if pk not in bench.refused]
        stopped = [token for pk in going for token in _stopped(bench, pk)]
        _send_again(bench, [token for token in stopped if token.step == step])
        for token in stopped:
            bench.did(token, "Taken back", RESULT.REQUESTED, step=step, origin=token.step)
            _take_back(bench, token, step)
        bench.changed += going
    return bench.outcome()


def _stopped(bench: Bench, run_id: int) -> list[Token]:
    return [token for token in bench.wave.tokens[run_id] if token.state == State.FAILED]


def _cannot_go(bench: Bench, run: FlowRun, key: str) -> str:
    if run.state in FlowRun.FINAL:
        return ENDED
    steps, stopped = bench.wave.steps(run.pk), _stopped(bench, run.pk)
    if key not in steps:
        return f"This version of the flow has no step “{key}”."
    if not stopped:
        return NO_STOP
    target = steps[key]
    for token in stopped:
        if target["index"] > steps[token.step]["index"] or not route.is_within(token.scope, target["scope"]):
            return f"“{target['name']}” is not before “{steps[token.step]['name']}” on its path."
    if any(_is_past(token, target, steps) for token in bench.wave.tokens[run.pk] if token not in stopped):
        return f"Another path of this order is past “{target['name']}” already."
    return ""


def _is_past(token: Token, target: Mapping, steps: Mapping) -> bool:
    """A path for the whole order that left the target behind; paths of other lines do not matter."""
    whole = token.lines is None and token.fulfillment_orders is None
    return whole and steps[token.step]["index"] > target["index"] and token.scope.startswith(target["scope"])


def _take_back(bench: Bench, token: Token, step: str) -> None:
    """Fulfillment orders become lines again, since an earlier step may replace them."""
    if token.step != step and token.fulfillment_orders is not None:
        token.lines = bench.wave.line_ids(token)
        token.fulfillment_orders = None
    token.visit += token.step != step
    route.place(bench.wave, token, step)


@transaction.atomic
def skip(tokens: Mapping[int, str], *, actor: str, reason: str) -> Outcome:
    """Leave steps out: `tokens` maps token id -> the step where the caller saw it, so a late click skips nothing else."""
    with Bench(runs_of(tokens), actor=actor, reason=reason) as bench:
        for token in _movable(bench, tokens):
            bench.did(token, "Skipped", RESULT.SKIPPED, error=token.error)
            _go_on(bench, token, ok=True)
            bench.changed.append(token.pk)
    return bench.outcome()


@transaction.atomic
def complete(tokens: Mapping[int, str], *, outcome: str, actor: str, reason: str) -> Outcome:
    """Say how steps ended: `success` or `failure`, with the events that the step itself would have raised.

    A failure of a step without a failure road is refused: the path would stop at the same place.
    """
    good = outcome == "success"
    with Bench(runs_of(tokens), actor=actor, reason=reason) as bench:
        able = []
        for token in _movable(bench, tokens):
            if not good and not _has_failure_road(bench, token):
                bench.refused[token.pk] = NO_FAILURE_ROAD
            else:
                able.append(token)
        records = _raise(bench, able, good)
        did = "Completed by hand" if good else "Failed by hand"
        for token in able:
            bench.did(token, did, RESULT.SUCCESS if good else RESULT.FAILURE, error=token.error)
            if good:
                _go_on(bench, token, ok=True)
            else:
                route.fail(bench.wave, token, bench.step(token), "by_hand", reason or did, records[token])
            bench.changed.append(token.pk)
    return bench.outcome()


def _movable(bench: Bench, tokens: Mapping[int, str]) -> list[Token]:
    found = []
    present = _present(bench, tokens)
    waiting = bench.receipts(present, OPEN)
    for token in present:
        if token.step != tokens[token.pk]:
            bench.refused[token.pk] = MOVED_ON
        elif token.state == State.JOINING:
            bench.refused[token.pk] = "It waits for the other branches; help those."
        elif token in waiting:
            bench.refused[token.pk] = ANSWER_OUT
        elif token.state in (State.FAILED, State.WAITING, State.PAUSED):
            found.append(token)
        else:
            bench.refused[token.pk] = "It is at work just now."
    return found


def _go_on(bench: Bench, token: Token, *, ok: bool) -> None:
    step = bench.step(token)
    if go_to := (step.get("parameters") or {}).get("go_to"):
        route.go_back(bench.wave, token, go_to)
    else:
        route.enter(bench.wave, token, step.get("next"), ok=ok)


def _has_failure_road(bench: Bench, token: Token) -> bool:
    step = bench.step(token)
    following = bench.wave.steps(token.run_id).get(step.get("next") or "", {})
    return bool(
        following.get("kind", "").startswith("condition")
        or (step.get("on_failure") or {}).get("go_to")
        or step.get("resume_on_error")
    )


def _raise(bench: Bench, tokens: Collection[Token], good: bool) -> dict[Token, list]:
    """The events of steps that ended so, raised together for all tokens at one step; the records by token."""
    records: dict[Token, list] = {token: [] for token in tokens}
    groups = defaultdict(list)
    for token in tokens:
        groups[(bench.runs[token.run_id].version_id, token.step)].append(token)
    for group in groups.values():
        action, step, wave = bench.action(group[0]), bench.step(group[0]), bench.wave
        if action is None:
            continue
        for token in group:
            records[token] = wave.records(token, action.level_at(step))
        every = [record for token in group for record in records[token]]
        if isinstance(action, ProviderStep):
            promised = provider_action(step["provider_action"])
            wave.raise_for(promised.success_event if good else promised.failure_event, every)
            continue
        items = [
            Item(t, wave.runs[t.run_id], wave.orders[wave.order_of[t.run_id]], records[t], True)
            for t in group
        ]
        ended = failed("by_hand", bench.reason or "By hand.")
        outcomes = {} if good else {record.pk: ended for record in every}
        stepping.raise_events(wave, action, items, outcomes, set())
    return records


@transaction.atomic
def cancel_runs(run_ids: Collection[int], *, actor: str, reason: str) -> Outcome:
    """End runs where they stand. The orders stay as they are; what was sent stays sent and its answer still counts."""
    with Bench(run_ids, actor=actor, reason=reason) as bench:
        for run in bench.runs.values():
            if run.state in FlowRun.FINAL:
                continue
            for token in bench.wave.tokens[run.pk]:
                bench.did(token, "Canceled the run at", RESULT.SKIPPED)
                token.ended = True
            bench.changed.append(run.pk)
    values = {"state": FlowRun.State.CANCELED, "due_at": None, "finished_at": timezone.now()}
    FlowRun.objects.filter(pk__in=bench.changed).update(**values)
    return bench.outcome()
