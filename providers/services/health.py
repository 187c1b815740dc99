"""Whether a connection works: its address may be called, is reached, and takes our credentials."""

from dataclasses import dataclass

from django.db import transaction

from providers.errors import ProviderError, ProviderMisconfigured
from providers.models import ConnectionGate, ProviderConnection
from providers.registry import adapter, provider
from providers.services import gates
from providers.services.connections import link_of, problems, reopen


@dataclass(frozen=True, slots=True)
class Check:
    ok: bool
    sentence: str


def check_connection(connection: ProviderConnection) -> Check:
    """Reach and authenticate; writes the result to the connection's health. One call, outside any transaction."""
    if faults := _faults(connection):
        return _kept(connection, Check(False, faults), misconfigured=True)
    try:
        sentence = adapter(connection.provider).check(link_of(connection))
    except ProviderError as error:
        return _kept(
            connection, Check(False, str(error)), misconfigured=isinstance(error, ProviderMisconfigured)
        )
    reopen(connection.pk)
    return Check(True, sentence)


def _faults(connection: ProviderConnection) -> str:
    found = list(problems(connection, connection.parameters).values())
    for item in provider(connection.provider).parameters:
        if item.secret and item.required and item.key not in connection.secrets:
            found.append(f"{item.label or item.key} is needed.")
    return " ".join(found)


@transaction.atomic
def _kept(connection: ProviderConnection, check: Check, *, misconfigured: bool) -> Check:
    gate, _ = gates.lock(connection.pk)
    health = ConnectionGate.Health
    gate.health = health.MISCONFIGURED if misconfigured else health.DOWN
    gate.last_error = check.sentence[:300]
    gate.save(update_fields=["health", "last_error"])
    return check
