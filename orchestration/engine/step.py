"""One step for all tokens that stand at it: holds, input events, filter policies, execution policies, action, events."""

import time
from collections.abc import Callable, Mapping
from datetime import timedelta

from django.db.models import Model

from iom.lib import lock_order
from orchestration.actions.base import OK, Action, Batch, Item, Result, failed, waiting
from orchestration.engine import pausing, retrying, route
from orchestration.engine.judge import Outcomes, apply_policy, judge, told
from orchestration.engine.split import split
from orchestration.engine.tokens import State, Token
from orchestration.engine.wave import Wave, orders_of
from orchestration.models import StepResult
from orders.models import OrderLine

HELD = "held"
HELD_DEADLINE = timedelta(minutes=5)


def run(wave: Wave, step: dict, tokens: list[Token]) -> None:
    for token in tokens:
        token.pending, token.looked = False, len(wave.collected)
    if wave.paused and pausing.is_paused(wave, step, tokens[0]):
        pausing.park(wave, tokens)
        return
    if step.get("retry"):
        tokens = retrying.due(wave, tokens)
    if step["kind"] == "action":
        _action(wave, step, tokens)
    elif step["kind"].startswith("splitter"):
        level = step.get("level", "order")
        tokens = route.gather(wave, tokens, step["key"], level)
        split(wave, step, level, _items(wave, step, tokens, level))
    else:
        for token in tokens:
            route.enter(wave, token, step["key"])


def comes_in_time(step: Mapping) -> bool:
    """Whether the stock and capacity that its action locks can still be locked in this transaction."""
    from orchestration.actions import ACTIONS

    return step["kind"] != "action" or lock_order.comes_in_time(ACTIONS[step["action"]].locks)


# -- actions ------------------------------------------------------------------------------------------------------


def _action(wave: Wave, step: dict, tokens: list[Token]) -> None:
    from orchestration.actions import ACTIONS

    started = time.monotonic()
    action = ACTIONS[step["action"]]
    level = action.level_at(step)
    tokens = route.gather(wave, tokens, step["key"], level)
    items = _items(wave, step, tokens, level)
    items = _not_held(wave, action, items)
    if not items:
        return
    outcomes, skipped, detail = _decide(wave, step, action, level, items)
    if step.get("retry"):
        items = retrying.put_off(wave, step, level, items, outcomes)
    milliseconds = int((time.monotonic() - started) * 1000)
    raise_events(wave, action, items, outcomes, skipped)
    for item in items:
        _move(wave, step, action, level, item, outcomes, skipped, detail, milliseconds)


def _items(wave: Wave, step: dict, tokens: list[Token], level: str) -> list[Item]:
    items, gate = [], _awaited(step)
    if level == "fulfillment_order":
        tokens = [token for token in tokens if route.follow(wave, token, step)]
    for token in tokens:
        records = wave.records(token, level)
        claiming = level == "fulfillment_order" and token.fulfillment_orders is None
        if claiming:
            records = route.not_taken(wave, token, records)
        if not records:
            wave.note(token, step["key"], StepResult.Result.SKIPPED, "no_records", {})
            route.enter(wave, token, step["next"])
            continue
        if claiming:
            token.fulfillment_orders, token.changed = frozenset(record.id for record in records), True
        run = wave.runs[token.run_id]
        items.append(Item(token, run, wave.orders[run.order_id], records, _is_new(token, gate)))
    return items


def _awaited(step: dict) -> str:
    """What a path waits for before this step has looked at it at all; nothing where no event is awaited."""
    return " or ".join(sorted(set(step.get("input_events", ()))))[:200]


def _is_new(token: Token, gate: str) -> bool:
    """Its filters, policies and action were not asked yet: it has just come, or stood at the gate."""
    return token.state != State.WAITING or (gate != "" and token.waiting_for == gate)


def _not_held(wave: Wave, action: Action, items: list[Item]) -> list[Item]:
    if not action.obeys_holds:
        return items
    free = []
    for item in items:
        if hold := wave.blocking_hold(item.order.id, action.key):
            _stay_held(wave, item, hold)
        else:
            free.append(item)
    return free


def _stay_held(wave: Wave, item: Item, hold: str) -> None:
    """As it is, so that what was asked before the hold is not judged again; time on hold is not time allowed."""
    token = item.token
    if token.deadline_at and token.deadline_at <= wave.now:
        token.deadline_at = wave.now + HELD_DEADLINE
    token.stay(State.READY if item.arrived else token.state, f"release of the {hold} hold")


def _decide(
    wave: Wave, step: dict, action: Action, level: str, items: list[Item]
) -> tuple[Outcomes, set[int], dict]:
    """A result for every record, the records that a filter left out, and what policies said for those that failed."""
    outcomes: Outcomes = {}
    detail: dict[int, dict] = {}
    skipped: set[int] = set()
    gated = _gate(wave, step, level, items)
    outcomes.update(gated)
    fresh = [item for item in items if item.arrived]
    asked = {record.id for item in fresh for record in item.records if record.id not in gated}
    for name in step.get("filters", ()):
        verdicts = judge(wave, items, name, level, asked - skipped)
        for pk, verdict in verdicts.items():
            if not verdict.passed:
                skipped.add(pk)
                detail[pk] = told(wave, items, name, verdict)
    for name in step.get("policies", ()):
        apply_policy(wave, items, name, level, asked - skipped, outcomes, detail)
    if step.get("policies"):
        outcomes.update(_held_now(wave, action, items, asked - skipped - outcomes.keys()))
    batch = Batch(step, _left(items, lambda pk: pk not in skipped and pk not in outcomes), wave)
    if batch.items:
        outcomes.update(_in_time(wave, step, batch, action.run(batch), leave=action.leaves_late))
    return outcomes, skipped, detail


def _held_now(wave: Wave, action: Action, items: list[Item], ids: set[int]) -> Outcomes:
    """Records whose order a policy of this very step put on hold: the action waits for its release too."""
    return {
        record.id: Result("wait", HELD, f"release of the {hold} hold")
        for item in items
        if (hold := wave.blocking_hold(item.order.id, action.key))
        for record in item.records
        if record.id in ids and action.obeys_holds
    }


def _left(items: list[Item], wanted: Callable[[int], bool]) -> list[Item]:
    left = []
    for item in items:
        records = [record for record in item.records if wanted(record.id)]
        if records:
            left.append(Item(item.token, item.run, item.order, records, item.arrived))
    return left


# -- input events ---------------------------------------------------------------------------------------------------


def _gate(wave: Wave, step: dict, level: str, items: list[Item]) -> Outcomes:
    """Records that wait for an input event, or leave by a failure event; an empty answer lets everything through."""
    wanted = set(step.get("input_events", ()))
    failing = set((step.get("parameters") or {}).get("failure_events", ()))
    if not items or not wanted | failing or (not wanted and not failing):
        return {}
    raised = wave.raised(orders_of(items), wanted | failing)
    outcomes: Outcomes = {}
    for item in items:
        since = item.run.start_event_id
        for record in item.records:
            kinds = {
                kind
                for number, kind, entity, pk in raised[item.order.id]
                if number >= since and _speaks_of(entity, pk, level, record)
            }
            if kinds & failing and not kinds & wanted:
                outcomes[record.id] = Result(
                    "failed", min(kinds & failing), f"{min(kinds & failing)} was raised."
                )
            elif wanted and not kinds & wanted:
                outcomes[record.id] = waiting(_awaited(step))
    return _in_time(wave, step, Batch(step, items, wave), outcomes)


def _speaks_of(entity: str, pk: int, level: str, record: Model) -> bool:
    """An event about the order speaks of all its records, one about a record of this level only of that one."""
    return entity == "order" or entity != level or pk == record.id


def _in_time(wave: Wave, step: dict, batch: Batch, outcomes: Outcomes, *, leave: bool = True) -> Outcomes:
    """Records that still wait although their time is over `leave` by the failure road; the event is raised once an order."""
    late = {}
    for item in batch.items:
        if not item.token.deadline_at or item.token.deadline_at > wave.now:
            continue
        if waits := [r.id for r in item.records if outcomes.get(r.id, OK).status == "wait"]:
            late[item.order.id] = item.order
            item.token.deadline_at, item.token.changed = None, True
            if leave:
                sentence = "Nothing happened within the time allowed."
                outcomes.update(dict.fromkeys(waits, failed("deadline", sentence)))
    wave.raise_for((step.get("deadline") or {}).get("event", ""), list(late.values()))
    return outcomes


# -- events, results, moves ----------------------------------------------------------------------------------------


def raise_events(
    wave: Wave, action: Action, items: list[Item], outcomes: Outcomes, skipped: set[int]
) -> None:
    good, bad, touched, failed_orders, waiting_orders = [], [], {}, {}, set()
    for item in items:
        for record in item.records:
            status = outcomes.get(record.id, OK).status
            if record.id in skipped or status == "wait":
                continue
            touched[item.order.id] = item.order
            if status == "partly" and outcomes[record.id].rest_waits:
                waiting_orders.add(item.order.id)
            elif status == "partly":
                failed_orders[item.order.id] = item.order
            if status in ("ok", "partly"):
                good.append(record)
            else:
                bad.append(record)
                failed_orders[item.order.id] = item.order
    wave.raise_for(action.success, good)
    reasons = {
        record.id: {"code": outcomes[record.id].code, "sentence": outcomes[record.id].sentence}
        for record in bad
    }
    wave.raise_for(action.failure, bad, reasons)
    if action.all_success:
        complete = [
            order
            for pk, order in touched.items()
            if pk not in failed_orders and pk not in waiting_orders and _all_arrived(wave, action, pk)
        ]
        wave.raise_for(action.all_success, complete)
    wave.raise_for(action.any_failure, list(failed_orders.values()))


def _all_arrived(wave: Wave, action: Action, order_id: int) -> bool:
    if not action.done_reasons:
        return True
    done = {OrderLine.State.FULFILLMENT, OrderLine.State.SHIPPED, OrderLine.State.INVOICED}
    return all(
        line.state_reason in action.done_reasons or line.state in done for line in wave.live_lines(order_id)
    )


def _move(
    wave: Wave,
    step: dict,
    action: Action,
    level: str,
    item: Item,
    outcomes: Outcomes,
    skipped: set[int],
    detail: dict,
    milliseconds: int,
) -> None:
    """Split the token by how its records fared and send each part on its way."""
    go_to = (step.get("parameters") or {}).get("go_to")
    groups = _fared(item, outcomes, skipped, aside="skipped" if go_to else "ok")
    ids = [[record.id for record in group] for group in groups.values()]
    good, wait, bad, passing, inbox = (
        route.split_off(wave, item.token, level, ids) if level != "order" else _whole(item.token, groups)
    )
    if passing:
        _note(wave, step, passing, groups["skipped"], skipped, detail, milliseconds)
        route.enter(wave, passing, step["next"])
    if good:
        _note(wave, step, good, groups["ok"], skipped, detail, milliseconds)
        if go_to:
            route.go_back(wave, good, go_to)
        else:
            route.enter(wave, good, step["next"])
    if wait:
        results = [_as_wait(outcomes[record.pk]) for record in groups["wait"]]
        _stay(wave, step, item, wait, next((r for r in results if r.code == HELD), results[0]))
    if bad:
        _fail(wave, step, level, bad, groups["failed"], outcomes, detail, milliseconds)
    if inbox:
        _fail(wave, step, level, inbox, groups["inbox"], outcomes, detail, milliseconds, for_person=True)


def _fared(item: Item, outcomes: Outcomes, skipped: set[int], *, aside: str) -> dict[str, list]:
    """The item's records by how they fared, partly done ones in both; what a filter left out joins `aside`."""
    groups: dict[str, list] = {"ok": [], "wait": [], "failed": [], "skipped": [], "inbox": []}
    if not outcomes and not skipped:
        return groups | {"ok": item.records}
    for record in item.records:
        outcome = outcomes.get(record.id, OK)
        for name in (aside,) if record.id in skipped else _ways(outcome):
            groups[name].append(record)
    return groups


def _as_wait(outcome: Result) -> Result:
    return waiting(outcome.rest_waits) if outcome.rest_waits else outcome


def _ways(outcome: Result) -> tuple[str, ...]:
    bad = "inbox" if outcome.for_person else "wait" if outcome.rest_waits else "failed"
    return {"partly": ("ok", bad), "failed": (bad,)}.get(outcome.status, (outcome.status,))


def _fail(
    wave: Wave,
    step: dict,
    level: str,
    token: Token,
    records: list[Model],
    outcomes: Outcomes,
    detail: dict,
    milliseconds: int,
    *,
    for_person: bool = False,
) -> None:
    """Keep what each record failed with, then take the failure road."""
    first = outcomes[records[0].id]
    told = {
        str(r.id): {"code": outcomes[r.id].code, "sentence": outcomes[r.id].sentence, **detail.get(r.id, {})}
        for r in records
    }
    body = {"level": level, "records": told} | ({"attempts": token.attempts + 1} if token.attempts else {})
    wave.note(token, step["key"], StepResult.Result.FAILURE, first.code, body, milliseconds)
    if for_person:
        route.stop(token, first.code, first.sentence)
    else:
        route.fail(wave, token, step, first.code, first.sentence, records)


def _whole(token: Token, groups: Mapping[str, list]) -> list[Token | None]:
    return [token if group else None for group in groups.values()]


def _note(
    wave: Wave, step: dict, token: Token, records: list, skipped: set[int], detail: dict, milliseconds: int
) -> None:
    if not detail and not skipped:
        wave.note(
            token,
            step["key"],
            StepResult.Result.SUCCESS,
            "",
            wave.shared("n", len(records)),
            milliseconds,
        )
        return
    left_out = {str(record.id): detail[record.id] for record in records if record.id in skipped}
    told = {
        str(record.id): detail[record.id]
        for record in records
        if record.id not in skipped and record.id in detail
    }
    result = StepResult.Result.SKIPPED if len(left_out) == len(records) else StepResult.Result.SUCCESS
    body: dict = {"n": len(records)}
    if left_out:
        body["skipped"] = left_out
    if told:
        body["records"] = told
    wave.note(token, step["key"], result, "", body, milliseconds)


def _stay(wave: Wave, step: dict, item: Item, token: Token, result: Result) -> None:
    if item.arrived and not (token.state == State.WAITING and token.waiting_for == result.sentence):
        wave.note(token, step["key"], StepResult.Result.REQUESTED, "", {"waiting_for": result.sentence})
        minutes = (step.get("deadline") or {}).get("minutes")
        if minutes and not token.attempts and token.state != State.WAITING:
            token.deadline_at = wave.now + timedelta(minutes=minutes)
    token.stay(State.READY if result.code == HELD else State.WAITING, result.sentence)
