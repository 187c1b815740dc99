"""Which connection serves what, and how adapters see it."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from iom.lib import bulk
from providers import addresses
from providers.definitions import Link
from providers.errors import ProviderError
from providers.models import ConnectionGate, ExternalId, ProviderConnection
from providers.models.connection import LONGEST_TIMEOUT
from providers.registry import provider, provider_actions

Active = ProviderConnection.Status.ACTIVE
LIMITS = ("max_concurrency", "rate_per_minute", "timeout_seconds", "max_attempts")


def connection_for(action_type: str, source_ids: Iterable[int], *, action: str = "") -> dict[int, int]:
    """Id of the active connection for each source; sources that none serves are left out.

    One that names the source goes before one that names no source at all, which serves every one.
    """
    keys = {
        item.key.partition(".")[0]
        for item in provider_actions()
        if item.action_type == action_type and item.key == (action or item.key)
    }
    chosen = ProviderConnection.objects.filter(status=Active, provider__in=keys)
    rows = list(chosen.order_by("key").values_list("pk", "sources"))
    general = next((pk for pk, source in rows if source is None), None)
    named: dict[int, int] = {}
    for pk, source in rows:
        named.setdefault(source, pk)
    wanted = set(source_ids)
    return {source: pk for source in wanted if (pk := named.get(source, general))}


def connections_of_channels(provider_key: str, channel_ids: Collection[int]) -> dict[int, int]:
    """Channel -> active connection of this provider."""
    rows = ProviderConnection.objects.filter(status=Active, provider=provider_key, channel__in=channel_ids)
    return dict(rows.order_by("-key").values_list("channel_id", "pk"))


def link_of(connection: ProviderConnection) -> Link:
    return Link(
        key=connection.key,
        provider=connection.provider,
        parameters=dict(connection.parameters),
        timeout=float(min(connection.timeout_seconds, LONGEST_TIMEOUT)),
        sealed=dict(connection.secrets),
        concurrency=connection.max_concurrency,
    )


def problems(connection: ProviderConnection, parameters: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with parameters about to be saved: parameter -> sentence. Secrets are not looked at."""
    found: dict[str, str] = {}
    known = {item.key: item for item in provider(connection.provider).parameters if not item.secret}
    found |= dict.fromkeys(set(parameters) - set(known), "The provider has no such parameter.")
    for name, item in known.items():
        value = parameters.get(name, item.default)
        if item.required and value in ("", None, []):
            found[name] = f"{item.label or name} is needed."
        elif item.kind == "url" and value:
            try:
                addresses.check_url(value)
            except ProviderError as error:
                found[name] = str(error)
    return found


@transaction.atomic
def keep_settings(connection: ProviderConnection, *, actor: str) -> int:
    """Note what the connection is set to now, if that is new; returns the number that its calls carry from now on."""
    ProviderConnection.objects.select_for_update().get(pk=connection.pk)
    last = connection.settings_log.order_by("-number").first()
    document = _settings_document(connection)
    if last is None or last.document != document:
        last = connection.settings_log.create(
            number=last.number + 1 if last else 1,
            document=document,
            set_by=actor[:150],
            set_at=timezone.now(),
        )
    if connection.settings_number != last.number:
        connection.settings_number = last.number
        connection.save(update_fields=["settings_number"])
    return last.number


def _settings_document(connection: ProviderConnection) -> dict[str, Any]:
    return {
        "parameters": connection.parameters,
        "secrets": {name: row["at"] for name, row in sorted(connection.secrets.items())},
        "limits": {name: getattr(connection, name) for name in LIMITS},
        "sandbox": connection.sandbox,
    }


SHORTEST_SECRET = 8
_LOOKS_SECRET = re.compile(r"whsec_|\bBearer |-----BEGIN", re.IGNORECASE)


def spilled(shown: Mapping[str, Any], secrets: Iterable[str]) -> dict[str, str]:
    """Fields that people can read and that bear a secret: field -> sentence, which does not repeat it."""
    secret = {text for text in secrets if len(text) >= SHORTEST_SECRET}
    return {
        name: "This looks like a secret. Everybody can read this field; put it in the field for the secret."
        for name, value in shown.items()
        if _LOOKS_SECRET.search(text := str(value or "")) or any(one in text for one in secret)
    }


def gate_of(connection_id: int) -> None:
    """See to it that the connection has a gate; whoever comes second finds it."""
    bulk.insert(
        ConnectionGate,
        ("connection", "tokens", "failures_in_a_row", "health", "last_error"),
        [(connection_id, 0.0, 0, ConnectionGate.Health.OK, "")],
        skip_conflicts=True,
    )


@transaction.atomic
def reopen(connection_id: int) -> None:
    """A parameter or secret has changed: try again at once."""
    gate_of(connection_id)
    ConnectionGate.objects.filter(pk=connection_id).update(
        closed_until=None, failures_in_a_row=0, health=ConnectionGate.Health.OK, last_error=""
    )


def pause(connection_id: int) -> None:
    """Nothing more goes out or is queued until a person makes it active again; what is queued stays."""
    paused = ProviderConnection.Status.PAUSED
    ProviderConnection.objects.filter(pk=connection_id).update(status=paused, updated_at=timezone.now())


def remember_ids(connection_id: int, entity: str, ids: Mapping[int, str], now) -> None:
    """Keep which of our records the provider's own ids mean; what is known stays."""
    rows = [(connection_id, entity, pk, text[:150], now) for pk, text in ids.items() if text]
    fields = ("connection", "entity", "record_id", "external_id", "created_at")
    if rows:
        bulk.insert(ExternalId, fields, rows, skip_conflicts=True)
