"""Where a path goes from here: the next step, a branch, the failure road, or the end."""

from collections.abc import Collection

from fulfillment.models import FulfillmentOrder
from fulfillment.services.taking_back import REASON as SOURCED_AGAIN
from orchestration.engine.tokens import PARTS, State, Token, joined
from orchestration.engine.wave import GONE, Wave
from orchestration.entities import registered
from orchestration.models import StepResult

MOST_VISITS = 25


def split_off(wave: Wave, token: Token, level: str, groups: list[Collection[int]]) -> list[Token]:
    """One token for each non-empty group of record ids, the given one for the first; none is split that need not be."""
    full = [group for group in groups if group]
    if len(full) < 2:
        return [token if group else None for group in groups]
    parts: list = []
    for group in groups:
        parts.append(token.part(level, group) if group else None)
    first = next(part for part in parts if part)
    take_over(token, first)
    parts[parts.index(first)] = token
    wave.tokens[token.run_id] += [part for part in parts if part and part is not token]
    return parts


def take_over(token: Token, part: Token) -> None:
    token.lines, token.fulfillment_orders, token.custom = part.lines, part.fulfillment_orders, part.custom
    token.changed = True


def enter(wave: Wave, token: Token, key: str | None, *, ok: bool = True) -> None:
    """Put a token on a step, through any condition on the way; `key` None ends its path."""
    steps = wave.steps(token.run_id)
    while key and steps[key]["kind"].startswith("condition"):
        branch = next(b for b in steps[key]["branches"] if b["key"] == ("yes" if ok else "no"))
        wave.note(token, key, StepResult.Result.SUCCESS, branch["key"], wave.shared("branch", branch["key"]))
        key, ok = branch["first"], True
    place(wave, token, key)


def place(wave: Wave, token: Token, key: str | None) -> None:
    token.changed = True
    if key is None:
        token.ended = True
        return
    step = wave.steps(token.run_id)[key]
    token.step, token.scope, token.entered_at = key, step["scope"], wave.now
    token.state, token.pending = (State.JOINING, False) if step["kind"] == "merge" else (State.READY, True)
    token.waiting_for = "the other branches" if step["kind"] == "merge" else ""
    token.attempts, token.retry_at, token.deadline_at, token.error_code, token.error = 0, None, None, "", ""


def fail(wave: Wave, token: Token, step: dict, code: str, sentence: str, records: list) -> None:
    """The failure road: a condition's No, `on_failure`, `resume_on_error`, or a person."""
    steps = wave.steps(token.run_id)
    following = steps.get(step.get("next") or "")
    go_to = (step.get("on_failure") or {}).get("go_to")
    if following and following["kind"].startswith("condition"):
        enter(wave, token, step["next"], ok=False)
    elif go_to:
        go_back(wave, token, go_to)
    elif event := step.get("resume_on_error"):
        wave.raise_for(event, records)
        enter(wave, token, step.get("next"))
    else:
        stop(token, code, sentence)


def stop(token: Token, code: str, sentence: str) -> None:
    """Stand still until a person helps."""
    token.stay(State.FAILED, "a person", error_code=code[:60], error=sentence[:500])


def go_back(wave: Wave, token: Token, key: str) -> None:
    """Leave for an earlier step; the records become lines again, since their fulfillment orders may be replaced."""
    if token.visit >= MOST_VISITS:
        token.stay(
            State.FAILED,
            "a person",
            error_code="loop_limit",
            error=f"Came back to {key} {MOST_VISITS} times.",
        )
        return
    token.visit += 1
    token.lines = wave.open_line_ids(token)
    token.fulfillment_orders = token.custom = None
    place(wave, token, key)


def gather(wave: Wave, tokens: list[Token], key: str, level: str) -> list[Token]:
    """For a step on this kind of record: tokens that stand for parts of another kind meet first."""
    if level in PARTS and not registered():
        return tokens
    found = (join_level(wave, token, key, level) for token in tokens if not token.ended)
    return [token for token in found if token]


def _is_part(token: Token, level: str) -> bool:
    if level in PARTS:
        return token.custom is not None
    mine = token.custom is not None and token.custom[0] == level
    return not mine and (token.lines, token.fulfillment_orders, token.custom) != (None, None, None)


def join_level(wave: Wave, token: Token, step_key: str, level: str) -> Token | None:
    """The one token of all siblings, or None while some have not arrived."""
    if not _is_part(token, level):
        return token
    here = [t for t in wave.live_tokens(token.run_id) if t is token or t.step == step_key]
    if _is_awaited(wave, token.run_id, wave.steps(token.run_id)[step_key], token.scope):
        token.stay(State.JOINING, "the other lines of the order")
        return None
    if len(here) > 1:
        first = joined(here)
        place(wave, first, step_key)  # a check that failed for some of them is made again for all
        first.pending = False
        token = first
    token.custom = None
    return token


def _is_awaited(wave: Wave, run_id: int, step: dict, scope: str) -> bool:
    """Is a path still on its way to this step. One that waits at a later step for this one is not: the earlier goes first."""
    steps = wave.steps(run_id)
    return any(
        t.step != step["key"]
        and is_within(t.scope, scope)
        and not (t.state == State.JOINING and steps[t.step]["index"] > step["index"])
        for t in wave.live_tokens(run_id)
    )


def not_taken(wave: Wave, token: Token, records: list) -> list:
    """Fulfillment orders that no other path further inside stands for already: each goes one road of a splitter."""
    others = [t for t in wave.live_tokens(token.run_id) if t is not token and is_within(t.scope, token.scope)]
    taken = frozenset().union(*(t.fulfillment_orders or () for t in others))
    return [record for record in records if record.id not in taken]


def follow(wave: Wave, token: Token, step: dict) -> bool:
    """Stand for what took the place of fulfillment orders that were planned again meanwhile; False: nothing is left here.

    Lines that found no other source take the failure road of this step.
    """
    if token.fulfillment_orders is None:
        return True
    every = wave.fulfillment_orders(wave.order_of[token.run_id])
    mine = [work for work in every if work.id in token.fulfillment_orders]
    lines = {line for work in mine if _is_replaced(work) for line in work.line_quantities}
    if not lines:
        return True
    stay = [work for work in mine if not _is_replaced(work)]
    known = {work.id for work in mine}
    free = [work for work in every if work.id not in known and work.state not in GONE]
    new = [work for work in not_taken(wave, token, free) if lines & work.line_quantities.keys()]
    lost = lines.difference(*(work.line_quantities for work in [*stay, *new]))
    token.fulfillment_orders, token.changed = frozenset(work.id for work in [*stay, *new]), True
    if lost:
        _lose(wave, token, step, frozenset(lost))
    return bool(stay or new)


def _is_replaced(work: FulfillmentOrder) -> bool:
    return work.state == FulfillmentOrder.State.CANCELED and work.state_reason == SOURCED_AGAIN


def _lose(wave: Wave, token: Token, step: dict, lines: frozenset[int]) -> None:
    gone = token
    if token.fulfillment_orders:
        gone = token.part("order_line", lines)
        wave.tokens[token.run_id].append(gone)
    gone.lines, gone.fulfillment_orders = lines, None
    fail(wave, gone, step, "source_lost", "Its source was taken away and no other has the stock.", [])


def join_merges(wave: Wave) -> bool:
    """Fire every merge and every coarser step whose branches have all arrived; True if a token moved."""
    moved = False
    for run_id in wave.runs:
        steps = wave.steps(run_id)
        for key in {t.step for t in wave.live_tokens(run_id) if t.state == State.JOINING}:
            moved |= _join_at(wave, run_id, key, steps[key])
    return moved


def _join_at(wave: Wave, run_id: int, key: str, step: dict) -> bool:
    live = wave.live_tokens(run_id)
    here = [t for t in live if t.step == key and t.state == State.JOINING]
    if step["kind"] == "merge":
        inside = f"{step['scope']}/{step['of']}:"
        if any(t.scope.startswith(inside) for t in live):
            return False
        enter(wave, joined(here), step["next"])
        return True
    if _is_awaited(wave, run_id, step, step["scope"]):
        return False
    place(wave, joined(here), key)
    return True


def is_within(scope: str, outer: str) -> bool:
    return scope == outer or scope.startswith(f"{outer}/")
