"""What an action is. It works on a batch and says, for each record, how it went; the engine does everything else.

Authors of actions never claim, commit, raise events, write states of runs or move tokens. To add one: subclass
`Action`, decorate it with `@register`, and name its module in `orchestration.actions`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db.models import Model

if TYPE_CHECKING:
    from orchestration.engine.wave import Wave

ACTIONS: dict[str, "Action"] = {}


@dataclass(frozen=True, slots=True)
class Result:
    """How it went for one record. `wait` keeps the record at this step until something makes its run due again.

    `partly`, for lines and fulfillment orders: some of its units go on, for the others it takes the failure road as well;
    where `rest_waits` says for what, it waits here with them instead. `for_person`: what failed takes no road but the exceptions inbox.
    """

    status: str  # ok, wait, failed or partly
    code: str = ""
    sentence: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    unavailable: bool = False  # failed because something could not be reached, not because it was refused
    for_person: bool = False
    rest_waits: str = ""


OK = Result("ok")


def failed(code: str, sentence: str, **detail: Any) -> Result:
    return Result("failed", code, sentence, detail)


def unavailable(sentence: str, code: str = "unavailable", **detail: Any) -> Result:
    """Failed for now: what is needed could not be reached. A step may be set to try such failures again."""
    return Result("failed", code, sentence, detail, unavailable=True)


def partly(code: str, sentence: str, **detail: Any) -> Result:
    return Result("partly", code, sentence, detail)


def waiting(sentence: str) -> Result:
    return Result("wait", "", sentence)


@dataclass(slots=True)
class Item:
    """One token at this step: its run, its order, and the records it stands for. `arrived`: it has just come here."""

    token: Any
    run: Any
    order: Any
    records: list[Model]
    arrived: bool


@dataclass(slots=True)
class Batch:
    """All tokens that stand at one step now. `step` is its published form; `wave` has what was loaded already."""

    step: Mapping[str, Any]
    items: list[Item]
    wave: "Wave"

    @property
    def parameters(self) -> Mapping[str, Any]:
        return self.step.get("parameters") or {}

    def records(self) -> Iterator[tuple[Item, Model]]:
        for item in self.items:
            for record in item.records:
                yield item, record

    def all_records(self) -> list[Model]:
        return [record for item in self.items for record in item.records]


class Action:
    """`level`: the kind of record it works on. The events are raised by the engine: `success` and `failure` for each
    record, `all_success` once when every line of the order got there, `any_failure` once an order."""

    key: str
    label: str
    level = "order"
    success = failure = all_success = any_failure = ""
    done_reasons: frozenset[str] = frozenset()
    locks: str | None = None  # the first kind of the rows that all orders share, if it locks any
    obeys_holds = True
    leaves_late = (
        True  # a record whose deadline passed takes the failure road; False: it goes on waiting here
    )

    def run(self, batch: Batch) -> dict[int, Result]:
        """A result for each record by its pk; a record that is left out is ok. Raises only for the whole batch."""
        raise NotImplementedError

    def level_at(self, step: Mapping[str, Any]) -> str:
        return self.level

    def problems(self, step: Mapping[str, Any]) -> list[str]:
        """What is wrong with a step of this kind, in sentences; checked before publishing."""
        return []

    def output_events(self, step: Mapping[str, Any]) -> list[str]:
        return [event for event in (self.success, self.all_success, self.failure, self.any_failure) if event]


def register(action: type[Action]) -> type[Action]:
    ACTIONS[action.key] = action()
    return action
