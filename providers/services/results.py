"""Writing down what providers answered: requests, attempts, gates, and what it means for our records, in one go."""

from collections import defaultdict
from collections.abc import Sequence
from copy import copy
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import DatabaseError
from django.db.models import Count
from django.utils import timezone

from iom.lib import bulk
from iom.lib.killpoints import killpoint
from iom.lib.pace import wait_before
from iom.lib.retry import whole_unit
from providers.definitions import Result
from providers.errors import (
    ProviderError,
    ProviderGarbage,
    ProviderGone,
    ProviderMisconfigured,
    ProviderRejected,
    ProviderUnavailable,
)
from providers.models import ProviderRequest, RequestAttempt
from providers.registry import action
from providers.services import claims, connections, effects, gates
from providers.services.gates import Verdict

log = structlog.get_logger(__name__)
State = ProviderRequest.State
FIELDS = (
    "state", "attempts", "due_at", "lease_until", "claimed_by", "status_code", "response", "error_code", "error", "done_at",
)  # fmt: skip
ATTEMPT_FIELDS = ("request", "number", "result", "status_code", "detail", "duration_ms", "settings", "at")
GAVE_UP = "gave_up"  # a provider that could surely not be reached as often as the step allows
GARBAGE_ATTEMPTS = 3  # the same key is sent again this often before a person must look


def write_down(called: Sequence[Any]) -> int:
    """Results of finished calls, all in one transaction; if one cannot be applied, each in its own.

    What somebody else has taken over meanwhile is left to them. Returns how many were written.
    """
    if not called:
        return 0
    try:
        return _written(called)
    except DatabaseError:
        raise
    except Exception:
        log.exception("results_failed_together")
        return sum(_alone(item, request) for item in called for request in item.claim.requests)


def _alone(item: Any, request: ProviderRequest) -> int:
    try:
        return _written([item], only=request.pk)
    except DatabaseError:
        raise
    except Exception as error:
        log.exception("result_failed", request=request.pk)
        return _written([item], only=request.pk, fault=error)


@whole_unit
def _written(called: Sequence[Any], *, only: int | None = None, fault: Exception | None = None) -> int:
    mine = claims.still_mine([item.claim for item in called])
    now, before = timezone.now(), _tried_before(called)
    written: list[ProviderRequest] = []
    attempts, verdicts = [], defaultdict(list)
    for item in called:
        for request in item.claim.requests:
            result = item.results.get(request.key) or ProviderGarbage(
                "The answer does not mention this request."
            )
            verdicts[item.claim.connection.pk].append(result)
            if request.pk in mine and only in (None, request.pk):
                most, tried = item.claim.connection.max_attempts, before.get(request.pk, 0) + 1
                done = _settled(request, result, most, fault, now, tried=tried)
                if request.retry and isinstance(result, ProviderUnavailable):
                    _at_own_pace(done, result, tried, now)
                written.append(done)
                attempts.append(_attempt(request, result, item.seconds, now))
    bulk.update(ProviderRequest, "pk", FIELDS, [_row(request) for request in written])
    bulk.insert(RequestAttempt, ATTEMPT_FIELDS, attempts)
    effects.settled([request for request in written if request.state in ProviderRequest.FINAL])
    for connection_id, results in sorted(verdicts.items()):
        gates.note(connection_id, verdict(results))
        if any(isinstance(result, ProviderGone) for result in results):
            connections.pause(connection_id)
    killpoint("outbox_before_commit")
    return len(written)


def _settled(
    request: ProviderRequest,
    result: Result,
    most: int,
    fault: Exception | None,
    now: datetime,
    *,
    tried: int = 1,
) -> ProviderRequest:
    """The request as this result leaves it: a copy, since the unit may run again."""
    done = copy(request)
    done.claimed_by, done.lease_until, done.due_at, done.done_at = 0, None, None, None
    done.error_code, done.error = "", ""
    if not isinstance(result, Exception):
        done.state, done.done_at, done.response, done.status_code = State.DONE, now, dict(result), 200
        if fault is not None:  # they did it, we cannot apply it: nothing is sent again, a person looks
            done.state, done.done_at = State.UNKNOWN, None
            done.error_code, done.error = "effect_failed", f"Answered, but not applied here: {fault}"[:500]
        return done
    done.error_code, done.error = getattr(result, "code", "")[:40], str(result)[:500]
    done.status_code = getattr(result, "status", None)
    if isinstance(result, ProviderRejected):
        done.state, done.done_at = State.FAILED, now
        return done
    _again(done, result, most, now, tried)
    return done


def _again(done: ProviderRequest, result: ProviderError, most: int, now: datetime, tried: int) -> None:
    """Later under the same key, or parked for a person.

    Garbage is parked soon. A provider that is down gets its time: parked once tried often enough and for long enough,
    whether it answers with errors or refuses the connection. What it or its settings ask us to wait for is waited for.
    """
    undone = getattr(result, "undone", False)
    # What was tried in vain before may have been done by an earlier attempt: it stays unknown.
    done.state = State.READY if undone and done.attempts <= 1 else State.UNKNOWN
    if undone:
        done.attempts -= 1
    is_garbage = isinstance(result, ProviderGarbage)
    limit = min(most, GARBAGE_ATTEMPTS) if is_garbage else most
    patience = timedelta(hours=0 if is_garbage else action(done.action).patience_hours)
    enough = tried if _is_out_of_reach(result) else done.attempts
    if enough < limit or now - done.created_at < patience:
        wait = getattr(result, "retry_after", None)
        done.due_at = now + timedelta(seconds=gates.backoff(max(done.attempts, 1)) if wait is None else wait)
    elif undone:
        since = f"{done.created_at:%Y-%m-%d %H:%M} UTC"
        done.state, done.error_code = State.UNKNOWN, GAVE_UP
        done.error = f"Tried {tried} times since {since}. {done.error}"[:500]


def _is_out_of_reach(result: ProviderError) -> bool:
    """No connection was had at all; nothing counts as attempted."""
    return isinstance(result, ProviderUnavailable) and result.undone and _is_failure(result)


def _tried_before(called: Sequence[Any]) -> dict[int, int]:
    """How often requests were tried whose attempts do not say it: at the pace of their step, or in vain; else no query."""
    own = [
        request.pk
        for item in called
        for request in item.claim.requests
        if request.retry or _is_out_of_reach(item.results.get(request.key))
    ]
    if not own:
        return {}
    return dict(RequestAttempt.objects.filter(request__in=own).values_list("request").annotate(Count("pk")))


def _at_own_pace(done: ProviderRequest, result: ProviderUnavailable, tried: int, now: datetime) -> None:
    """As the step says: later; or failed, if surely nothing was done there; or parked for a person."""
    done.due_at = None
    if tried < done.retry["attempts"]:
        wait = wait_before(done.retry, tried)
        done.due_at = now + max(wait, timedelta(seconds=result.retry_after or 0))
    elif done.state == State.READY:
        done.state, done.done_at, done.error_code = State.FAILED, now, GAVE_UP
        done.error = f"Tried {tried} times. {done.error}"[:500]


def _row(request: ProviderRequest) -> tuple:
    return (request.pk, *(getattr(request, name) for name in FIELDS))


def _attempt(request: ProviderRequest, result: Result, seconds: float, now: datetime) -> tuple:
    """Says what happened, never what was sent: neither headers nor bodies come here."""
    kind, status, detail = "done", 200, ""
    if isinstance(result, Exception):
        kind = KINDS.get(
            type(result), "misconfig" if isinstance(result, ProviderMisconfigured) else "unknown"
        )
        status, detail = getattr(result, "status", None), str(result)[:500]
    settings = request.connection.settings_number
    return request.pk, request.attempts, kind, status, detail, int(seconds * 1000), settings, now


KINDS = {ProviderUnavailable: "unavailable", ProviderRejected: "rejected", ProviderGarbage: "garbage"}


def verdict(results: Sequence[Result]) -> Verdict:
    """What one round of answers says of the provider: a refusal is a healthy answer, a request for patience no failure."""
    patience = [
        r.retry_after for r in results if isinstance(r, ProviderUnavailable) and r.retry_after is not None
    ]
    if any(getattr(r, "code", "") == "rate_limited" for r in results):
        patience.append(1.0)
    failed = [r for r in results if _is_failure(r)]
    stopped = next((str(r) for r in results if isinstance(r, ProviderMisconfigured)), "")
    good = sum(not isinstance(r, Exception) or isinstance(r, ProviderRejected) for r in results)
    last = str(failed[-1]) if failed else ""
    return Verdict(good, 1 if failed else 0, max(patience, default=None), stopped, last)


def _is_failure(result: Result) -> bool:
    if isinstance(result, ProviderUnavailable):
        return result.code not in ("rate_limited", "put_off")
    return isinstance(result, ProviderGarbage)
