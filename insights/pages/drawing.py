"""A run as a drawing: the published tree of its flow, with what happened at each step and where its tokens stand."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from orchestration.engine.graph import ELEMENTS, branches_of
from orchestration.models import FlowRun, StepResult, StepRun
from orchestration.policies.explain import actual_words
from providers.models import ProviderRequest

# key: (symbol, word); the word is read aloud and on hover, the symbol stands beside the color
MARKS = {
    "done": ("✓", "Done"),
    "running": ("▶", "Running"),
    "waiting": ("…", "Waiting"),
    "failed": ("✕", "Needs attention"),
    "diverted": ("↩", "Failed, went on another way"),
    "skipped": ("↷", "Skipped by a filter policy"),
    "ahead": ("○", "Not reached"),
}


@dataclass(slots=True)
class Branch:
    name: str
    taken: bool
    count: int | None
    nodes: list["Node"]


@dataclass(slots=True)
class Node:
    key: str
    name: str
    kind: str
    mark: str
    since: datetime | None = None
    took: timedelta | None = None
    visits: int = 0
    tokens: list[StepRun] = field(default_factory=list)
    results: list[StepResult] = field(default_factory=list)
    requests: list[ProviderRequest] = field(default_factory=list)
    branches: list[Branch] = field(default_factory=list)

    @property
    def symbol(self) -> str:
        return MARKS[self.mark][0]

    @property
    def word(self) -> str:
        return MARKS[self.mark][1]

    @property
    def rejoins(self) -> bool:
        return self.kind.endswith("_merge")


class Drawing:
    """`nodes` is the sequence from the top; `steps` has every node by key, merges of elements among them."""

    def __init__(
        self,
        run: FlowRun,
        tokens: Sequence[StepRun],
        results: Sequence[StepResult],
        requests: Sequence[ProviderRequest],
    ) -> None:
        self.run = run
        self.tokens = [token for token in tokens if token.run_id == run.pk]
        self._tokens = _by_step(self.tokens)
        self._results = _by_step(result for result in results if result.run_id == run.pk)
        self._requests = _requests(run, requests)
        self.nodes = self._sequence(run.version.definition.get("steps", []))

    def _sequence(self, nodes: Sequence[Mapping[str, Any]]) -> list[Node]:
        return [self._node(node) for node in nodes]

    def _node(self, node: Mapping[str, Any]) -> Node:
        key, kind = node["key"], node["kind"]
        results = self._results.get(key, [])
        tokens = self._tokens.get(key, []) + self._tokens.get(f"{key}.merge", [])
        drawn = Node(key, node["name"], kind, _mark(tokens, results), tokens=tokens, results=results)
        drawn.visits = len({result.visit for result in results})
        drawn.requests = self._requests.get(key, [])
        for result in results:
            explain(result, self.run.version.compiled.get("policies", {}))
        drawn.since, drawn.took = _times(tokens, results)
        if kind in ELEMENTS:
            drawn.branches = self._branches(node, results)
        return drawn

    def _branches(self, node: Mapping[str, Any], results: Sequence[StepResult]) -> list[Branch]:
        taken: dict[str, int | None] = {}
        for result in results:
            if found := result.detail.get("branch"):
                taken[found] = None
            taken |= result.detail.get("branches") or {}
        return [
            Branch(
                branch.get("name") or branch["key"],
                branch["key"] in taken,
                taken.get(branch["key"]) if node["kind"].startswith("splitter") else None,
                self._sequence(branch.get("steps", [])),
            )
            for branch in branches_of(node)
        ]


def names(nodes: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Step key -> name, over the whole drawing."""
    found = {}
    for node in nodes:
        found[node["key"]] = node["name"]
        if node["kind"] in ELEMENTS:
            found[f"{node['key']}.merge"] = node["name"]
            for branch in branches_of(node):
                found |= names(branch.get("steps", []))
    return found


def _mark(tokens: Sequence[StepRun], results: Sequence[StepResult]) -> str:
    states = {token.state for token in tokens}
    if StepRun.State.FAILED in states:
        return "failed"
    if StepRun.State.READY in states and not all(token.waiting_for for token in tokens):
        return "running"
    if states:
        return "waiting"
    outcomes = [result.result for result in results if result.result != StepResult.Result.REQUESTED]
    if not outcomes:
        return "ahead"
    if outcomes[-1] == StepResult.Result.FAILURE:
        return "diverted"
    return "skipped" if set(outcomes) == {StepResult.Result.SKIPPED} else "done"


def _times(
    tokens: Sequence[StepRun], results: Sequence[StepResult]
) -> tuple[datetime | None, timedelta | None]:
    """Since when it stands there, or when it was left and how long that took (waiting included)."""
    if tokens:
        since = min(token.entered_at for token in tokens)
        return since, timezone.now() - since
    if not results:
        return None, None
    last = results[-1]
    asked = [r.at for r in results if r.result == StepResult.Result.REQUESTED and r.visit == last.visit]
    waited = last.at - min(asked) if asked else timedelta(0)
    return last.at, waited if waited >= timedelta(seconds=1) else None


def _by_step(rows: Iterable) -> dict[str, list]:
    found: dict[str, list] = defaultdict(list)
    for row in rows:
        found[row.step].append(row)
    return found


def _requests(run: FlowRun, requests: Sequence[ProviderRequest]) -> dict[str, list[ProviderRequest]]:
    """Receipts by step: the engine names them `run:<run>/<step>/<record>`."""
    found: dict[str, list] = defaultdict(list)
    for request in requests:
        head, _, rest = request.key.partition("/")
        if head == f"run:{run.pk}":
            found[rest.partition("/")[0]].append(request)
    return found


def explain(result: StepResult, policies: Mapping[str, Mapping[str, Any]]) -> None:
    """Set `policies` and `sentences` on a result: what policies said, equal verdicts on many records told once."""
    told: dict[str, dict] = {}
    sentences: dict[str, None] = {}
    records = {**(result.detail.get("skipped") or {}), **(result.detail.get("records") or {})}
    for verdicts in records.values():
        if sentence := verdicts.get("sentence"):
            sentences[sentence] = None
        for key, verdict in verdicts.items():
            if isinstance(verdict, dict):
                told.setdefault(f"{key} {verdict}", _policy(key, verdict, policies))["count"] += 1
    result.policies, result.sentences = list(told.values()), list(sentences)


def _policy(
    key: str, verdict: Mapping[str, Any], policies: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    rules = [{"name": name, "held": held} for name, held in (verdict.get("rules") or {}).items()]
    return {
        "name": policies.get(key, {}).get("name", key),
        "passed": verdict.get("passed"),
        "version": verdict.get("version"),
        "rules": rules,
        "values": _values(policies.get(key), verdict.get("values") or {}),
        "sets": verdict.get("sets") or {},
        "count": 0,
    }


def _values(policy: Mapping[str, Any] | None, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the policy saw, amounts as money."""
    return actual_words(policy["entity"], values, values) if policy else values
