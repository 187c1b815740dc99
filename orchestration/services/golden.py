"""Golden orders: kept with a flow, tried on its draft by the code of the test run, and asked before a publish."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from iom.lib.canonical import digest
from orchestration.designer.tree import key_from
from orchestration.engine.graph import walk
from orchestration.errors import OrchestrationError
from orchestration.models import Flow, GoldenOrder
from orchestration.services import golden_words
from orchestration.services.golden_sources import document_of, last_run, stock_for, stock_of, what_happened
from orchestration.services.simulation import Choices, Simulation, failable, simulate

MOST = 100


class NotGolden(OrchestrationError):
    code = "not_golden"
    status = 422


@dataclass(frozen=True, slots=True)
class Checked:
    golden: GoldenOrder
    story: Simulation
    differences: list[str]

    @property
    def green(self) -> bool:
        return not self.differences


def check(flow: Flow, *, by: str, only: int | None = None) -> list[Checked]:
    """Try golden orders on the draft as it is, and keep what came of it. Nothing else is written.

    Each one locks its stock for some tenths of a second, and no lock outlives its own trial.
    """
    rows = flow.golden_orders.all()
    found = [_checked(flow, golden) for golden in (rows.filter(pk=only) if only else rows)]
    at, revision = timezone.now().isoformat(), digest(flow.draft)[:16]
    for checked in found:
        checked.golden.last = {"revision": revision, "at": at, "by": by, "differences": checked.differences}
    GoldenOrder.objects.bulk_update([checked.golden for checked in found], ["last"])
    return found


def _checked(flow: Flow, golden: GoldenOrder) -> Checked:
    story = play(flow.draft, golden)
    return Checked(golden, story, told(flow, golden.expected, story))


def play(draft: Mapping[str, Any], golden: GoldenOrder) -> Simulation:
    choices = {**golden.choices, "failing": frozenset(golden.choices.get("failing", []))}
    document = json.loads(json.dumps(golden.document), parse_float=Decimal)
    return simulate(draft, document=document, choices=Choices(**choices), stock=golden.stock)


def told(flow: Flow, expected: Mapping[str, Any], story: Simulation) -> list[str]:
    """What is not as expected. An order that cannot even be tried is told by why; that may be what is expected."""
    if story.refused and expected["taken"]:
        return story.refused
    drawings = [flow.draft, *([flow.live_version.definition] if flow.live_version else [])]
    return golden_words.differences(expected, golden_words.of_story(story), golden_words.Names(*drawings))


def problems(flow: Flow, *, by: str) -> list[tuple[str, str]]:
    """What keeps a flow that needs its golden orders green from being published; nothing where it does not."""
    if not flow.needs_golden:
        return []
    return [
        (f"golden order {checked.golden.name}", sentence)
        for checked in check(flow, by=by)
        for sentence in checked.differences
    ]


def failable_of(flow: Flow) -> list[tuple[str, str]]:
    return failable(walk(flow.draft.get("steps", [])))


# -- made, accepted, thrown away ---------------------------------------------------------------------------------------


@transaction.atomic
def from_order(flow: Flow, order_id: int, *, name: str = "", by: str) -> GoldenOrder:
    """A real order becomes a golden one: what its newest run of this flow did is what is expected of the draft.

    Without such a run, what the draft does now is expected. Who bought is left out: no name, address line, mail, phone.
    """
    document, number = document_of(order_id)
    if document is None:
        raise NotGolden("There is no such order.")
    run, stock = last_run(flow, order_id), stock_of(order_id)
    choices, expected = what_happened(run) if run else ({}, None)
    return _make(flow, name or number, document, stock, choices, expected, by=by)


@transaction.atomic
def from_document(
    flow: Flow, document: Mapping[str, Any], *, name: str, choices: Mapping[str, Any], by: str
) -> GoldenOrder:
    """What the draft does with this document and the stock of today is what is expected of it later."""
    return _make(flow, name, dict(document), stock_for(document), dict(choices), None, by=by)


def _make(
    flow: Flow, name: str, document: dict, stock: list, choices: dict, expected: dict | None, *, by: str
) -> GoldenOrder:
    taken = set(Flow.objects.select_for_update().get(pk=flow.pk).golden_orders.values_list("key", flat=True))
    if len(taken) >= MOST:
        raise NotGolden(f"A flow keeps {MOST} golden orders at most; throw one away first.")
    golden = GoldenOrder(
        flow=flow, key=key_from(name, taken, kind="order"), name=name.strip()[:120] or "Order",
        document=json.loads(json.dumps(document, default=str)), stock=stock, choices=choices, made_by=by,
    )  # fmt: skip
    golden.expected = expected or golden_words.of_story(play(flow.draft, golden))
    golden.save()
    return golden


def accept(golden: GoldenOrder, *, by: str) -> None:
    """What the draft does with it now is right: expect that from now on."""
    golden.expected = golden_words.of_story(play(golden.flow.draft, golden))
    golden.last = {"revision": digest(golden.flow.draft)[:16], "at": timezone.now().isoformat(), "by": by, "differences": []}  # fmt: skip
    golden.save(update_fields=["expected", "last"])
