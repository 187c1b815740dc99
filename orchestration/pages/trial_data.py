"""The order that a person took along into the editor, from a run: the test runs of the draft begin with it."""

from dataclasses import asdict, dataclass, field

from django.http import HttpRequest

from orchestration.models import Flow, FlowRun, StepRun
from providers.models import ProviderRequest

KEY = "trial_data"
MAY_SEE = "orders.view_order"


@dataclass(frozen=True, slots=True)
class TrialData:
    """`failing` are steps that failed at a provider in that run, so that the test run can fail there, too."""

    flow: int
    run: int
    order: str
    failing: list[str] = field(default_factory=list)


def take_along(request: HttpRequest, flow: Flow) -> None:
    """`?run=42` takes the order of that run along until another is taken; `?run=0` puts it away."""
    text = request.GET.get("run", "")
    if not (text.isdecimal() and len(text) < 19) or not request.user.has_perm(MAY_SEE):
        return
    run = flow.runs.select_related("order").filter(pk=int(text)).first()
    if run is not None:
        request.session[KEY] = asdict(TrialData(flow.pk, run.pk, run.order.number, _refused(run)))
    else:
        request.session.pop(KEY, None)


def taken(request: HttpRequest, flow: Flow) -> TrialData | None:
    """What was taken along for this flow; nothing for who may not see orders."""
    kept = request.session.get(KEY)
    if not kept or kept["flow"] != flow.pk or not request.user.has_perm(MAY_SEE):
        return None
    return TrialData(**kept)


def _refused(run: FlowRun) -> list[str]:
    stopped = set(run.tokens.filter(state=StepRun.State.FAILED).values_list("step", flat=True))
    asked = ProviderRequest.objects.filter(
        order=run.order_id, key__startswith=f"run:{run.pk}/", state=ProviderRequest.State.FAILED
    )
    return sorted(stopped & {key.split("/")[1] for key in asked.values_list("key", flat=True)})
