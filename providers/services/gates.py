"""How hard a connection may be called, agreed on by all processes under the row lock of its gate."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import SystemRandom

from django.db.models.functions import Now

from providers.models import ConnectionGate, ProviderConnection
from providers.services.connections import gate_of

FAILURES_TO_OPEN = 5
SHORTEST_BREAK, LONGEST_BREAK = 1.0, 60.0
MISCONFIGURED_BREAK = 120.0
_chance = SystemRandom()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the calls of one round said about the provider's health."""

    good: int = 0
    bad: int = 0
    retry_after: float | None = None
    misconfigured: str = ""
    last_error: str = ""


def lock(connection_id: int) -> tuple[ConnectionGate, datetime]:
    """The gate, locked until the transaction ends, and the database's clock: machines disagree about the time."""
    rows = ConnectionGate.objects.select_for_update(of=("self",)).annotate(db_now=Now())
    gate = rows.filter(pk=connection_id).first()
    if gate is None:
        gate_of(connection_id)
        gate = rows.get(pk=connection_id)
    return gate, gate.db_now


def allowance(gate: ConnectionGate, connection: ProviderConnection, live: int, now: datetime) -> int:
    """How many calls may begin now: bounded by concurrency, rate, breaker and what the provider asked for."""
    if gate.closed_until and gate.closed_until > now:
        return 0
    refill(gate, connection, now)
    free = connection.max_concurrency - live
    if gate.failures_in_a_row >= FAILURES_TO_OPEN:
        free = 1 if not live else 0  # half open: one call finds out
    return max(0, min(free, int(gate.tokens)))


def refill(gate: ConnectionGate, connection: ProviderConnection, now: datetime) -> None:
    """A bucket of one second of the rate, one call at least, so that a minute never brings more than the rate plus that."""
    size = max(1.0, connection.rate_per_minute / 60)
    since = (now - gate.refilled_at).total_seconds() if gate.refilled_at else 60.0
    gate.tokens = min(size, gate.tokens + max(0.0, since) * connection.rate_per_minute / 60)
    gate.refilled_at = now


def spend(gate: ConnectionGate, calls: int) -> None:
    gate.tokens -= calls
    gate.last_out_at = gate.refilled_at
    gate.save(update_fields=["tokens", "refilled_at", "last_out_at"])


def note(connection_id: int, verdict: Verdict) -> None:
    """Write down how it went: opens, keeps or closes the breaker. In the transaction that records the results."""
    gate, now = lock(connection_id)
    if verdict.good:
        gate.failures_in_a_row, gate.health, gate.last_error = 0, ConnectionGate.Health.OK, ""
        gate.closed_until = None if (gate.closed_until or now) <= now else gate.closed_until
    elif verdict.bad:
        _degrade(gate, verdict, now)
    if verdict.misconfigured:
        gate.health, gate.last_error = ConnectionGate.Health.MISCONFIGURED, verdict.misconfigured[:300]
        _close(gate, now, MISCONFIGURED_BREAK)
    if verdict.retry_after is not None:
        _close(gate, now, verdict.retry_after)
    gate.save(update_fields=["failures_in_a_row", "health", "last_error", "closed_until"])


def _degrade(gate: ConnectionGate, verdict: Verdict, now: datetime) -> None:
    failures = gate.failures_in_a_row + verdict.bad
    gate.failures_in_a_row, gate.last_error = failures, verdict.last_error[:300]
    gate.health = ConnectionGate.Health.DEGRADED
    if failures >= FAILURES_TO_OPEN:
        gate.health = ConnectionGate.Health.DOWN
        times = min(failures - FAILURES_TO_OPEN, 6)
        _close(gate, now, min(LONGEST_BREAK, SHORTEST_BREAK * 2**times) * _chance.uniform(0.8, 1.2))


def _close(gate: ConnectionGate, now: datetime, seconds: float) -> None:
    until = now + timedelta(seconds=seconds)
    gate.closed_until = max(until, gate.closed_until or until)


def backoff(attempts: int, *, base: float = 0.5, cap: float = 300.0) -> float:
    """Seconds until the next attempt."""
    return spread(min(cap, base * 2 ** min(attempts, 12)))


def spread(most: float) -> float:
    """Full jitter, so that what failed together does not come back together."""
    return _chance.uniform(0.05, most)


def closed_for(connection_id: int) -> float:
    """Seconds until calls may begin again, 0 if they may: a breaker, or what the provider asked for."""
    gate = (
        ConnectionGate.objects.filter(pk=connection_id, closed_until__gt=Now()).annotate(db_now=Now()).first()
    )
    return (gate.closed_until - gate.db_now).total_seconds() if gate else 0.0
