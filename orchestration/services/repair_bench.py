"""Paths under repair: their orders and runs locked as the engine locks them, loaded as the engine loads them.

A repair moves tokens with the engine's own functions, so a path that was helped goes on exactly as one that was not.
"""

from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from django.db.models import Case, Value, When
from django.utils import timezone

from iom.lib import bell
from orchestration.actions import ACTIONS
from orchestration.actions.base import Action
from orchestration.actions.provider import ProviderStep
from orchestration.engine.rows import ORDER_FIELDS
from orchestration.engine.tokens import Token
from orchestration.engine.wave import Wave
from orchestration.models import FlowRun, StepResult, StepRun
from orders.models import Order
from orders.services.editing import add_notes
from orders.services.events import collecting
from orders.types import Outcome
from providers.models import ProviderRequest

BY_HAND = "by_hand"
OPEN = (ProviderRequest.State.READY, ProviderRequest.State.SENDING, ProviderRequest.State.UNKNOWN)
MOVED_ON = "It has moved on already; nothing was changed."


class Bench(AbstractContextManager):
    """Inside a transaction: `with Bench(run_ids, actor=…) as bench`. What was moved is written when it ends well."""

    def __init__(self, run_ids: Collection[int], *, actor: str, reason: str = "") -> None:
        self.actor, self.reason = actor, reason.strip()
        self.changed: list[int] = []
        self.refused: dict[int, str] = {}
        self._did: dict[int, list[str]] = {}
        self._touched: set[int] = set()
        self._collecting = collecting()
        rows = FlowRun.objects.filter(pk__in=list(run_ids)).values_list("order_id", flat=True)
        locked = Order.objects.filter(pk__in=list(rows)).only(*ORDER_FIELDS).order_by("pk")
        self.orders = list(locked.select_for_update(of=("self",), no_key=True))
        runs = FlowRun.objects.filter(pk__in=list(run_ids)).order_by("pk")
        self.runs = {run.pk: run for run in runs.select_for_update(of=("self",))}

    def __enter__(self) -> "Bench":
        self.wave = Wave(list(self.runs.values()), self.orders, self._collecting.__enter__())
        self.wave.actor = self.actor
        every = (token for tokens in self.wave.tokens.values() for token in tokens)
        self.tokens: dict[int, Token] = {token.pk: token for token in every}
        return self

    def __exit__(self, kind, error, trace) -> None:
        if kind is None:
            self._write()
        self._collecting.__exit__(kind, error, trace)

    def step(self, token: Token) -> Mapping[str, Any]:
        return self.wave.steps(token.run_id)[token.step]

    def action(self, token: Token) -> Action | None:
        return ACTIONS.get(self.step(token).get("action", ""))

    def did(self, token: Token, what: str, result: str, *, step: str = "", **detail: Any) -> None:
        """Write down what a person did at the token's step, before the token is moved."""
        key = step or token.step
        told = {"did": what, "by": self.actor, "why": self.reason, **detail}
        self.wave.note(token, key, result, BY_HAND, told)
        self._touched.add(token.run_id)
        name = self.wave.steps(token.run_id)[key]["name"]
        sentence = f"{what}: {name}"
        told_of = self._did.setdefault(self.wave.order_of[token.run_id], [])
        if sentence not in told_of:
            told_of.append(sentence)

    def receipts(
        self, tokens: Iterable[Token], states: Collection[str]
    ) -> dict[Token, list[ProviderRequest]]:
        """The provider requests in these states that tokens stand behind, found by their stable keys; one query."""
        owners = {key: token for token in tokens for key in self._keys(token)}
        found: dict[Token, list[ProviderRequest]] = {}
        if owners:
            rows = ProviderRequest.objects.filter(key__in=list(owners), state__in=states).order_by("pk")
            for request in rows.only("key", "state"):
                found.setdefault(owners[request.key], []).append(request)
        return found

    def _keys(self, token: Token) -> list[str]:
        action = self.action(token)
        if not isinstance(action, ProviderStep):
            return []
        records = self.wave.records(token, action.level_at(self.step(token)))
        return [f"run:{token.run_id}/{token.step}/{record.pk}" for record in records]

    def outcome(self) -> Outcome:
        return Outcome(changed=self.changed, refused=self.refused)

    def _write(self) -> None:
        if not self._touched:
            return
        self.wave.runs = {pk: run for pk, run in self.wave.runs.items() if pk in self._touched}
        self.wave.tokens = {pk: self.wave.tokens[pk] for pk in self.wave.runs}
        self.wave.flush()
        wake(self._touched)
        why = f" – {self.reason}" if self.reason else ""
        add_notes({pk: f"{'; '.join(did)}{why}" for pk, did in self._did.items()}, actor=self.actor)


def wake(run_ids: Collection[int]) -> None:
    """Make these runs due, those that have ended left out, and ring."""
    State = FlowRun.State
    FlowRun.objects.filter(pk__in=list(run_ids)).exclude(state__in=FlowRun.FINAL).locked().update(
        due_at=timezone.now(),
        state=Case(When(state=State.ATTENTION, then=Value(State.ATTENTION)), default=Value(State.ACTIVE)),
    )
    bell.ring("advance")


def runs_of(token_ids: Collection[int]) -> set[int]:
    return set(StepRun.objects.filter(pk__in=list(token_ids)).values_list("run_id", flat=True))


RESULT = StepResult.Result
