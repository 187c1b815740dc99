"""Where orders stand in a flow, and one run with everything that is known about it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.http import urlencode

from insights.pages.drawing import Drawing, explain, names
from insights.pages.flow_counts import chart, tiles
from insights.templatetags.exceptions_ui import repair_address
from iom.lib.pages import page, rows_url, show
from orchestration.models import Flow, FlowRun, FlowVersion, RepairJob, StepResult, StepRun
from orchestration.services.pausing import paused_steps
from orders.models import BusinessEvent, EventDefinition
from providers.models import ProviderRequest, RequestAttempt

PAGE = 50
MOMENT = timedelta(seconds=1)
MOST = 400
STATES = {
    "waiting": "Waiting", "running": "Running", "failed": "Needs attention", "done": "Done", "canceled": "Canceled",
}  # fmt: skip
TOKEN_STATES = {
    "waiting": (StepRun.State.WAITING, StepRun.State.JOINING, StepRun.State.PAUSED), "running": (StepRun.State.READY,), "failed": (StepRun.State.FAILED,),
}  # fmt: skip
AGES = {"60": "1 hour", "240": "4 hours", "1440": "1 day", "10080": "1 week"}
BULK = ("retry", "skip", "succeed", "fail", "cancel", "move")


@page("orchestration.view_flowrun")
def flow_runs(request: HttpRequest) -> HttpResponse:
    """`?flow=&version=&step=&state=&code=&older=` filter the table, `?before=` pages it by key."""
    flows = list(Flow.objects.select_related("live_version").order_by("name"))
    asked = _numbers(request.GET, "flow", "version", "older", "before")
    flow = next((f for f in flows if f.pk == asked.get("flow")), None) or _busiest(flows)
    if flow is None:
        return show(request, "insights/runs/none.html", {"title": "Flow runs"})
    chosen = {name: request.GET.get(name, "")[:60] for name in ("step", "state", "code")}
    versions = list(flow.versions.order_by("-number")[:30])
    version = next((v for v in versions if v.pk == asked.get("version")), None)
    tokens = StepRun.objects.filter(run__flow=flow, **({"run__version": version} if version else {}))
    shown = version or flow.live_version or (versions[0] if versions else None)
    runs = _filtered(flow, version, chosen, asked.get("older"))
    rows = _rows(runs, asked.get("before"))
    kept = {
        "flow": flow.pk,
        "version": version.pk if version else "",
        **chosen,
        "older": asked.get("older", ""),
    }
    step_names = names(shown.definition.get("steps", [])) if shown else {}
    context = {
        "title": "Flow runs", "step_name": step_names.get(chosen["step"], ""), "step_names": step_names,
        "flows": flows, "flow": flow, "versions": versions, "version": version, "chosen": chosen,
        "older_than": str(asked.get("older", "")), "ages": AGES.items(), "states": STATES.items(),
        "tiles": tiles(shown, tokens) if shown else [], "shown": shown,
        "steps": [(key, name) for key, name in step_names.items() if not key.endswith(".merge")],
        "rows": rows[:PAGE], "next": rows[PAGE - 1]["run"].pk if len(rows) > PAGE else None,
        "query": urlencode({k: v for k, v in kept.items() if v}),
        "paused": {found.step: found for found in paused_steps(flow)}, "may_pause": request.user.has_perm("orchestration.publish_flow"),
        "chart": chart(flow), "repairs": _bulk(request, flow, version, chosen, asked.get("older")),
    }  # fmt: skip
    return show(request, "insights/runs/list.html", context)


def _numbers(data: Mapping[str, str], *wanted: str) -> dict[str, int]:
    return {name: int(text) for name in wanted if (text := data.get(name, "")).isdecimal() and len(text) < 19}


def _busiest(flows: list[Flow]) -> Flow | None:
    newest = FlowRun.objects.order_by("-pk").values_list("flow_id", flat=True).first()
    return next((f for f in flows if f.pk == newest), None) or next(
        (f for f in flows if f.live_version_id), None
    )


def _filtered(
    flow: Flow, version: FlowVersion | None, chosen: Mapping[str, str], older: int | None
) -> QuerySet:
    runs = FlowRun.objects.filter(flow=flow, **({"version": version} if version else {}))
    if chosen["state"] in ("done", "canceled"):
        return runs.filter(state=chosen["state"])
    tokens = StepRun.objects.filter(run=OuterRef("pk"))
    found = tokens
    if chosen["step"]:
        found = found.filter(step__in=[chosen["step"], f"{chosen['step']}.merge"])
    if chosen["state"] in TOKEN_STATES:
        found = found.filter(state__in=TOKEN_STATES[chosen["state"]])
    if chosen["code"]:
        found = found.filter(error_code=chosen["code"])
    if older:
        found = found.filter(entered_at__lt=timezone.now() - timedelta(minutes=min(older, 5_000_000)))
    return runs if found is tokens else runs.filter(Exists(found))


def _rows(runs: QuerySet, before: int | None) -> list[dict[str, Any]]:
    if before:
        runs = runs.filter(pk__lt=before)
    found = list(runs.select_related("order", "version").order_by("-pk")[: PAGE + 1])
    tokens: dict[int, list[StepRun]] = {}
    for token in StepRun.objects.filter(run__in=[run.pk for run in found]).order_by("pk"):
        tokens.setdefault(token.run_id, []).append(token)
    known: dict[int, dict] = {}
    rows = []
    for run in found:
        if run.version_id not in known:
            known[run.version_id] = names(run.version.definition.get("steps", []))
        places = [(known[run.version_id].get(t.step, t.step), t) for t in tokens.get(run.pk, [])[:4]]
        rows.append({"run": run, "places": places})
    return rows


def _bulk(
    request: HttpRequest, flow: Flow, version, chosen: Mapping, older: int | None
) -> list[tuple[str, str]]:
    """Repairs of everything that the filter matches; only what stopped, unless a state is chosen."""
    if not request.user.has_perm("orchestration.repair_run") or chosen["state"] in (
        "done",
        "canceled",
        "running",
    ):
        return []
    wanted: dict[str, Any] = {"flow": flow.pk}
    wanted |= {"version": version.pk} if version else {}
    wanted |= {name: chosen[name] for name in ("step", "code") if chosen[name]}
    wanted["state"] = "waiting" if chosen["state"] == "waiting" else "failed"
    if older:
        wanted["before"] = (timezone.now() - timedelta(minutes=min(older, 5_000_000))).isoformat()
    labels = dict(RepairJob.Action.choices)
    offered = BULK if wanted["state"] == "failed" else BULK[1:]
    back = request.get_full_path()
    return [(labels[name], repair_address(name, wanted, title=flow.name, back=back)) for name in offered]


# -- one run ----------------------------------------------------------------------------------------------------------


@page("orchestration.view_flowrun")
def run_page(request: HttpRequest, pk: int) -> HttpResponse:
    run = FlowRun.objects.select_related("flow__live_version", "version", "order").filter(pk=pk).first()
    if run is None:
        return show(request, "insights/runs/none.html", {"title": "No such run"}, status=404)
    tokens = list(StepRun.objects.filter(run=run).order_by("pk"))
    every = StepResult.objects.filter(order=run.order_id, run=run).order_by("-pk")[:MOST]
    results = sorted(every, key=lambda result: result.pk)
    requests = list(
        ProviderRequest.objects.filter(order=run.order_id, key__startswith=f"run:{run.pk}/")
        .select_related("connection")
        .order_by("pk")[:MOST]
    )
    steps = names(run.version.definition.get("steps", []))
    drawing = Drawing(run, tokens, results, requests)
    for result in results:
        explain(result, run.version.compiled.get("policies", {}))
    compared = _compared(run, results, steps)
    chosen = request.GET.get("step", "") if request.GET.get("step", "") in steps else ""
    events = _events(run)
    if chosen:
        results, requests, events = _only(chosen, run, results, requests, events)
    context = {
        "title": f"Run {run.pk}", "chosen": chosen, "chosen_name": steps.get(chosen, ""), "run": run, "drawing": drawing, "nodes": drawing.nodes,
        "results": [(steps.get(r.step, r.step), r) for r in reversed(results)],
        "tokens": [(steps.get(t.step, t.step), t, _token_links(request, run, t)) for t in tokens],
        "requests": _attempts(requests), "events": events,
        "compared": compared, "links": _run_links(request, run),
        "steps": steps.items(), "reprocess": _may_reprocess(request, run, tokens),
        "newer": bool(run.flow.live_version_id and run.flow.live_version_id != run.version_id),
        "orders_url": rows_url("orders.order"),
    }  # fmt: skip
    return show(request, "insights/runs/run.html", context)


def _only(chosen: str, run: FlowRun, results: list, requests: list, events: list) -> tuple[list, list, list]:
    """What belongs to one step: its results, what it asked of providers, and the events while it was at work."""
    results = [result for result in results if result.step == chosen]
    requests = [found for found in requests if found.key.split("/")[1] == chosen]
    if not results:
        return results, requests, []
    begin, end = results[0].at - MOMENT, results[-1].at + MOMENT
    return results, requests, [(name, event) for name, event in events if begin <= event.at <= end]


def _token_links(request: HttpRequest, run: FlowRun, token: StepRun) -> list[tuple[str, str]]:
    if not request.user.has_perm("orchestration.repair_run"):
        return []
    offered = {"failed": ("retry", "skip", "succeed", "fail"), "waiting": ("skip", "succeed", "fail")}
    return _links(request, offered.get(token.state, ()), {"ids": [token.pk]}, run)


def _run_links(request: HttpRequest, run: FlowRun) -> list[tuple[str, str]]:
    if run.state in FlowRun.FINAL or not request.user.has_perm("orchestration.repair_run"):
        return []
    newer = run.flow.live_version_id and run.flow.live_version_id != run.version_id
    return _links(request, ("move", "cancel") if newer else ("cancel",), {"ids": [run.pk]}, run)


def _links(request: HttpRequest, offered, wanted: dict, run: FlowRun) -> list[tuple[str, str]]:
    labels, back = dict(RepairJob.Action.choices), request.get_full_path()
    return [
        (labels[name], repair_address(name, wanted, title=f"run {run.pk}", back=back)) for name in offered
    ]


def _may_reprocess(request: HttpRequest, run: FlowRun, tokens: list[StepRun]) -> bool:
    stopped = any(token.state == StepRun.State.FAILED for token in tokens)
    return stopped and run.state not in FlowRun.FINAL and request.user.has_perm("orchestration.repair_run")


def _attempts(requests: list[ProviderRequest]) -> list[tuple[ProviderRequest, list[RequestAttempt]]]:
    found: dict[int, list[RequestAttempt]] = {}
    for attempt in RequestAttempt.objects.filter(request__in=[r.pk for r in requests]).order_by("pk")[:MOST]:
        found.setdefault(attempt.request_id, []).append(attempt)
    return [(request, found.get(request.pk, [])) for request in requests]


def _events(run: FlowRun) -> list[tuple[str, BusinessEvent]]:
    rows = BusinessEvent.objects.filter(order=run.order_id, pk__gte=run.start_event_id).order_by("-pk")[:100]
    labels = dict(EventDefinition.objects.values_list("key", "name"))
    return [(labels.get(event.kind, event.kind), event) for event in rows]


def _compared(run: FlowRun, results: list[StepResult], steps: Mapping[str, str]) -> dict[str, Any] | None:
    """Step by step against the newest other run of the flow that ended well; None where there is none."""
    good = (
        FlowRun.objects.filter(flow=run.flow_id, state=FlowRun.State.DONE)
        .exclude(pk=run.pk)
        .select_related("version", "order")
        .order_by("-pk")
        .first()
    )
    if good is None:
        return None
    theirs = StepResult.objects.filter(order=good.order_id, run=good).order_by("pk")[:MOST]
    mine, other = _last(results), _last(theirs)
    keys = [key for key in steps if key in mine or key in other]
    rows = [
        (steps[key], mine.get(key), other.get(key), _differs(mine.get(key), other.get(key))) for key in keys
    ]
    return {"run": good, "rows": rows}


def _last(results) -> dict[str, StepResult]:
    return {result.step: result for result in results if result.result != StepResult.Result.REQUESTED}


def _differs(mine: StepResult | None, other: StepResult | None) -> bool:
    return (mine and (mine.result, mine.code)) != (other and (other.result, other.code))
