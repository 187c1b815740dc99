"""Steps that failed and are tried again, where their settings say so; flows without such settings never come here.

    "retry": {"attempts": 3, "seconds": 60, "growth": "doubling", "failures": ["unavailable", "rejected"]}

Three attempts in all. Only the last one's failure is one: until then no failure event is raised and no failure road is
taken. A deadline that passes ends the attempts, and so does a person.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from iom.lib.pace import wait_before
from orchestration.actions.base import OK, Item, Result
from orchestration.engine import route
from orchestration.engine.tokens import State, Token
from orchestration.engine.wave import Wave
from orchestration.models import StepResult
from providers.services.results import GAVE_UP

# Deciding again would change nothing: the time is over, or the border has made all attempts already.
FINAL_CODES = frozenset({"deadline", GAVE_UP})
CLOCKS_APART = timedelta(seconds=1)  # the database's clock wakes a run, this machine's looks at its token


def due(wave: Wave, tokens: list[Token]) -> list[Token]:
    """The tokens whose turn it is; those that wait for their next attempt stay, unless their deadline has passed."""
    ready = []
    for token in tokens:
        if token.retry_at:
            if token.retry_at > wave.now + CLOCKS_APART and not _is_late(wave, token):
                continue
            token.state, token.retry_at, token.changed = State.READY, None, True
        ready.append(token)
    return ready


def put_off(wave: Wave, step: Mapping[str, Any], level: str, items: list[Item], outcomes: dict) -> list[Item]:
    """Let records that failed wait for their next attempt; the items without them."""
    _tell_late(wave, step, items)
    left = []
    for item in items:
        again = [r for r in item.records if _is_tried_again(wave, step, item, outcomes.get(r.id, OK))]
        rest = [r for r in item.records if r not in again] if again else item.records
        groups = [[r.id for r in rest], [r.id for r in again]]
        stays, waits = _parted(wave, item.token, level, groups)
        if waits:
            _wait(wave, step, waits, again, outcomes)
        if stays:
            left.append(Item(stays, item.run, item.order, rest, item.arrived))
    return left


def _parted(wave: Wave, token: Token, level: str, groups: list[list[int]]) -> list[Token | None]:
    if level != "order":
        return route.split_off(wave, token, level, groups)
    return [token if group else None for group in groups]


def _is_tried_again(wave: Wave, step: Mapping[str, Any], item: Item, outcome: Result) -> bool:
    retry = step["retry"]
    kind = "unavailable" if outcome.unavailable else "rejected"
    return (
        outcome.status == "failed"
        and outcome.code not in FINAL_CODES
        and kind in retry["failures"]
        and item.token.attempts + 1 < retry["attempts"]
        and not _is_late(wave, item.token)
    )


def _wait(wave: Wave, step: Mapping[str, Any], token: Token, records: list, outcomes: dict) -> None:
    retry, first = step["retry"], outcomes[records[0].id]
    _start_deadline(wave, step, token)
    token.attempts += 1
    token.retry_at = wave.now + wait_before(retry, token.attempts)
    sentence = f"attempt {token.attempts + 1} of {retry['attempts']}"
    token.stay(State.WAITING, sentence, error_code=first.code[:60], error=first.sentence[:500])
    told = {str(r.id): {"code": outcomes[r.id].code, "sentence": outcomes[r.id].sentence} for r in records}
    detail = {
        "attempt": token.attempts,
        "attempts": retry["attempts"],
        "next_at": token.retry_at.isoformat(),
        "records": told,
    }
    wave.note(token, step["key"], StepResult.Result.REQUESTED, first.code, detail)


def _start_deadline(wave: Wave, step: Mapping[str, Any], token: Token) -> None:
    minutes = (step.get("deadline") or {}).get("minutes")
    if minutes and not token.attempts and not token.deadline_at:
        token.deadline_at = wave.now + timedelta(minutes=minutes)


def _tell_late(wave: Wave, step: Mapping[str, Any], items: list[Item]) -> None:
    """The event of a deadline that passed between two attempts, once an order; this attempt is the last."""
    late = {item.order.id: item.order for item in items if item.token.attempts and _is_late(wave, item.token)}
    wave.raise_for((step.get("deadline") or {}).get("event", ""), list(late.values()))


def _is_late(wave: Wave, token: Token) -> bool:
    return bool(token.deadline_at and token.deadline_at <= wave.now)
