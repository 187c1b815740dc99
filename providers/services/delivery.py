"""The drain of the outbox: claim, call outside any transaction, write down what was answered."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace

import structlog

from iom.lib import bell
from iom.lib.killpoints import killpoint
from providers.definitions import Result
from providers.errors import ProviderError, ProviderGarbage, ProviderRejected, ProviderUnavailable
from providers.registry import adapter
from providers.services import claims, lanes
from providers.services.claims import Claim
from providers.services.results import write_down

log = structlog.get_logger(__name__)
CALL_RESERVE = 10  # seconds of the budget that are kept for calls under way
AGAIN_SECONDS = 0.05
SOON_SECONDS = 1.0
LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Called:
    """What came back for one claim; a key that is missing got no answer."""

    claim: Claim
    results: Mapping[str, Result]
    seconds: float


def drain(budget_seconds: float = 15) -> int:
    """Send until nothing is due or the budget is used; then ring again if there is more. Returns answers written.

    A worker does not wait for calls that nobody answers: when nothing else moves, it leaves them to their threads.
    """
    begin_until = time.monotonic() + max(budget_seconds - CALL_RESERVE, budget_seconds / 3)
    flying: set[Future] = set()
    written, looks, moved = 0, 2, time.monotonic()
    while flying or looks:
        started = _start(flying) if time.monotonic() < begin_until else 0
        looks = 2 if started else looks
        if flying:
            done, flying = wait(flying, timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED)
            written += write_down([future.result() for future in done])
            moved = time.monotonic() if started or done else moved
            if lanes.may_leave() and time.monotonic() - moved > lanes.PATIENCE:
                lanes.leave(flying, _write_down_late)
                break
        elif time.monotonic() >= begin_until:
            break
        elif not started:
            looks = looks if claims.due_soon(SOON_SECONDS) else looks - 1
            time.sleep(AGAIN_SECONDS)
    _ring_if_due()
    return written


def _write_down_late(called: "Called") -> None:
    write_down([called])
    _ring_if_due()  # the next call of this connection may have waited for the end of this one


def _ring_if_due() -> None:
    if claims.due_soon(0):
        bell.ring("deliver")


def _start(flying: set[Future]) -> int:
    started = 0
    for connection in claims.due_connections():
        for claim in claims.claim(connection):
            killpoint("outbox_claimed")
            flying.add(lanes.submit("deliver", connection.pk, call, claim))
            started += 1
    return started


def call(claim: Claim) -> Called:
    """In a thread of the pool: touches no database, raises nothing."""
    begun = time.monotonic()
    link = replace(claim.link, until=begun + claim.link.timeout)
    requests = claim.outgoing()
    results = _tried(link, requests)
    if len(requests) > 1 and any(isinstance(found, ProviderRejected) for found in results.values()):
        results |= _one_by_one(link, requests, results)
    killpoint("outbox_after_call")
    return Called(claim, results, time.monotonic() - begun)


def _tried(link, requests: Sequence) -> dict[str, Result]:
    try:
        return dict(adapter(link.provider).send(link, requests))
    except ProviderError as error:
        return _whole([r.key for r in requests], error)
    except Exception as error:  # an adapter's own fault must not stop the others; the work may be done
        log.exception("adapter_failed", connection=link.key)
        return _whole(
            [r.key for r in requests],
            ProviderGarbage(f"{type(error).__name__} in the adapter", code="adapter_error"),
        )


def _whole(keys: Sequence[str], error: ProviderError) -> dict[str, Result]:
    return dict.fromkeys(keys, error)


def _one_by_one(link, requests: Sequence, results: Mapping[str, Result]) -> dict[str, Result]:
    """A batch that was refused as a whole: each alone, so that one bad request does not fail the others."""
    first = next(iter(results.values()))
    if any(found is not first for found in results.values()):
        return {}
    found: dict[str, Result] = {}
    for request in requests:
        if link.until <= time.monotonic():
            found[request.key] = ProviderUnavailable(
                "Put off: no time left in this round.", undone=True, code="put_off"
            )
        else:
            found |= _tried(link, [request])
    return found
