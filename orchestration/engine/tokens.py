"""Tokens in memory: where the paths of a batch of runs stand, and how a path is split, joined and moved."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from orchestration.models import StepRun

COLUMNS = (
    "run", "step", "state", "scope", "lines", "fulfillment_orders", "custom", "visit", "attempts", "retry_at", "waiting_for",
    "deadline_at", "error_code", "error", "entered_at",
)  # fmt: skip
FIELDS = ("pk", "run_id", *COLUMNS[1:])
State = StepRun.State
PARTS = {"order_line": "lines", "fulfillment_order": "fulfillment_orders"}
TO_LOOK_AT = frozenset({State.READY, State.WAITING, State.PAUSED})


@dataclass(slots=True, eq=False)
class Token:
    """`lines`, `fulfillment_orders` and `custom` are the records it stands for; None: all of the order.

    `custom` is of one registered entity: its key and the ids. `retry_at`: its step failed and is tried again then.
    """

    run_id: int
    step: str
    scope: str
    entered_at: datetime
    pk: int | None = None
    state: str = State.READY
    lines: frozenset[int] | None = None
    fulfillment_orders: frozenset[int] | None = None
    custom: tuple[str, frozenset[int]] | None = None
    visit: int = 0
    attempts: int = 0
    retry_at: datetime | None = None
    waiting_for: str = ""
    deadline_at: datetime | None = None
    error_code: str = ""
    error: str = ""
    pending: bool = True  # to be looked at in this wave
    ended: bool = False
    changed: bool = False
    looked: int = 0  # how many events of this batch it knew when it was last looked at

    def part(self, level: str, ids: Collection[int]) -> "Token":
        """A new token at the same place for some of the records."""
        name = PARTS.get(level)
        part = {name: frozenset(ids)} if name else {"custom": (level, frozenset(ids))}
        return replace(self, pk=None, changed=True, **part)

    def part_whole(self) -> "Token":
        """A new token at the same place for the same records: for a branch taken besides another."""
        return replace(self, pk=None, changed=True)

    def stay(self, state: str, waiting_for: str = "", **values) -> None:
        self.state, self.waiting_for, self.pending, self.changed = state, waiting_for[:200], False, True
        for name, value in values.items():
            setattr(self, name, value)

    def row(self) -> tuple:
        return (
            self.run_id, self.step, self.state, self.scope, _listed(self.lines), _listed(self.fulfillment_orders),
            self.custom and [self.custom[0], sorted(self.custom[1])], self.visit, self.attempts, self.retry_at, self.waiting_for,
            self.deadline_at, self.error_code, self.error, self.entered_at,
        )  # fmt: skip


def load(rows: Iterable[tuple]) -> list[Token]:
    """Tokens from rows of FIELDS."""
    return [
        Token(
            run_id=run, step=step, scope=scope, entered_at=entered_at, pk=pk, state=state, lines=_set(lines),
            fulfillment_orders=_set(fulfillment_orders), custom=custom and (custom[0], frozenset(custom[1])), visit=visit,
            attempts=attempts, retry_at=retry_at, waiting_for=waiting_for, deadline_at=deadline_at, error_code=error_code,
            error=error, pending=state in TO_LOOK_AT,
        )
        for pk, run, step, state, scope, lines, fulfillment_orders, custom, visit, attempts, retry_at, waiting_for,
            deadline_at, error_code, error, entered_at in rows
    ]  # fmt: skip


def joined(tokens: list[Token]) -> Token:
    """One token for several that met: the first of them, standing for the records of all."""
    first, *others = tokens
    for name in ("lines", "fulfillment_orders"):
        sets = [getattr(token, name) for token in tokens]
        setattr(first, name, None if None in sets else frozenset().union(*sets))
    kinds = {token.custom and token.custom[0] for token in tokens}
    whole = None in kinds or len(kinds) > 1
    first.custom = None if whole else (kinds.pop(), frozenset().union(*(token.custom[1] for token in tokens)))
    for other in others:
        other.ended = True
    first.changed = True
    return first


def _listed(ids: frozenset[int] | None) -> list[int] | None:
    return None if ids is None else sorted(ids)


def _set(ids: list[int] | None) -> frozenset[int] | None:
    return None if ids is None else frozenset(ids)
