"""Steps that are paused: paths that reach one wait there until it is resumed. Flows without one never come here.

A path that waits at the step for an event or an answer goes on waiting, and is looked at again when the step is resumed.
"""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from django.db import connection

from orchestration.engine.tokens import State, Token
from orchestration.engine.wave import Wave
from orchestration.models import Flow

PAUSED = "the step to be resumed"
SHARE = "SELECT id FROM orchestration_flow WHERE id = ANY(%s) ORDER BY id FOR SHARE"
DEADLINE = timedelta(
    minutes=5
)  # how much later a deadline is looked at that passed while the step was paused


def is_paused(wave: Wave, step: Mapping[str, Any], token: Token) -> bool:
    version = wave.versions[wave.runs[token.run_id].version_id]
    if step["key"] not in wave.paused.get(version.pk, ()) or step["kind"].startswith("condition"):
        return False
    # Looked at again under a lock, so that who resumes the step meets every path that stays.
    wave.paused[version.pk] = _paused_now([version.flow_id]).get(version.flow_id, {})
    return step["key"] in wave.paused[version.pk]


def park(wave: Wave, tokens: Collection[Token]) -> None:
    for token in tokens:
        if token.deadline_at and token.deadline_at <= wave.now:
            token.deadline_at, token.changed = wave.now + DEADLINE, True
        if token.state == State.READY or (token.retry_at and token.retry_at <= wave.now):
            token.retry_at = None
            token.stay(State.PAUSED, PAUSED)


def _paused_now(flow_ids: Collection[int]) -> dict[int, dict]:
    """The paused steps as they are, not to be changed before this transaction ends. Shared: workers do not wait for each other."""
    flows = Flow.objects.filter(pk__in=flow_ids).order_by("pk")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(SHARE, [list(flow_ids)])
    return dict(flows.values_list("pk", "paused_steps"))
