"""One step of a flow paused and resumed, whatever version runs are on; the rest of the flow goes on."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, Q
from django.db.models.functions import Now
from django.utils import timezone

from iom.lib import bell
from orchestration.errors import WrongFlowStatus
from orchestration.models import Flow, FlowRun, StepRun


@dataclass(frozen=True, slots=True)
class PausedStep:
    """`runs` stand at the step, `stopped` of them only because it is paused."""

    step: str
    by: str
    at: str
    reason: str
    runs: int = 0
    stopped: int = 0


def pause_step(flow_id: int, step: str, *, actor: str, reason: str = "") -> None:
    """Let paths that reach this step wait there. A path that is at work on it just now ends that work.

    Paused already: nothing changes. Raises WrongFlowStatus if no version that orders are on has such a step.
    """
    with transaction.atomic():
        flow = Flow.objects.select_for_update(no_key=True).get(pk=flow_id)
        if step in flow.paused_steps:
            return
        if step not in _steps(flow):
            raise WrongFlowStatus(f"{flow.name} has no published step “{step}” that can be paused.")
        told = {"by": actor, "at": timezone.now().isoformat(), "reason": reason[:300]}
        flow.paused_steps = {**flow.paused_steps, step: told}
        flow.save(update_fields=["paused_steps", "updated_at"])


def resume_step(flow_id: int, step: str, *, actor: str) -> int:
    """Let paths go on from this step; returns how many runs stood there. Not paused: nothing changes.

    In two transactions: batches that found the step paused hold on to that until they end, and by then their paths are
    seen here. If the second is never made, the sweep finds its paths (`engine.recovery`).
    """
    with transaction.atomic():
        flow = Flow.objects.select_for_update(no_key=True).get(pk=flow_id)
        if step not in flow.paused_steps:
            return 0
        flow.paused_steps = {key: told for key, told in flow.paused_steps.items() if key != step}
        flow.save(update_fields=["paused_steps", "updated_at"])
    return wake_at(flow_id, step)


@transaction.atomic
def wake_at(flow_id: int, step: str) -> int:
    """Make the runs due that have a path at this step; joins go by themselves."""
    here = StepRun.objects.filter(step=step, run__flow=flow_id).exclude(
        state__in=(StepRun.State.FAILED, StepRun.State.JOINING)
    )
    runs = FlowRun.objects.filter(pk__in=here.values("run")).exclude(state__in=FlowRun.FINAL)
    woken = runs.locked(skip=True).update(due_at=Now())  # those that are locked look at the step after us
    if woken:
        bell.ring("advance")
    return woken


def paused_steps(flow: Flow) -> list[PausedStep]:
    """The paused steps with the runs that wait at each; one query."""
    if not flow.paused_steps:
        return []
    rows = StepRun.objects.filter(step__in=flow.paused_steps, run__flow=flow).values_list("step")
    counted = rows.annotate(
        runs=Count("run", distinct=True),
        stopped=Count("run", distinct=True, filter=Q(state=StepRun.State.PAUSED)),
    )
    counts = {step: (runs, stopped) for step, runs, stopped in counted}
    return [
        PausedStep(step, told["by"], told["at"], told["reason"], *counts.get(step, (0, 0)))
        for step, told in sorted(flow.paused_steps.items())
    ]


def _steps(flow: Flow) -> Mapping[str, dict]:
    """Steps of the live version and of those that runs are still on, by key."""
    used = FlowRun.objects.filter(flow=flow).exclude(state__in=FlowRun.FINAL).values("version")
    found: dict[str, dict] = {}
    for version in flow.versions.filter(Q(pk__in=used) | Q(pk=flow.live_version_id)):
        found |= version.compiled["steps"]
    return {
        key: step
        for key, step in found.items()
        if step["kind"] == "action" or step["kind"].startswith("splitter")
    }
