"""The exceptions inbox: causes with what they cost, who cares for them, and the buttons that repair all of a cause."""

from collections.abc import Callable
from datetime import timedelta

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from insights.exceptions import KINDS, Group, groups_of, unhealthy, with_what_was_said
from insights.models import ExceptionGroup
from insights.pages.fixes import link_of
from iom.lib.once import act_once
from iom.lib.pages import page, show
from orchestration.models import RepairJob
from orchestration.services.repair_targets import TARGETS
from providers.errors import ProviderError
from providers.services import outbox

SNOOZES = {"1": "1 hour", "4": "4 hours", "24": "a day", "168": "a week"}
FILTERS = {
    "": "Everything", "inbound": "Inbound errors", "request": "Provider action errors", "step": "Step errors",
    "policy": "Policy errors", "hold": "Holds", "unstarted": "Not begun", "stuck": "Stuck", "provider": "Providers",
}  # fmt: skip
MOST_PEOPLE = 50
PROVIDERS = (
    "provider",
    "Providers not healthy",
    "Every connection is healthy.",
    "providers.view_providerconnection",
)


@page("orders.view_order")
def attention(request: HttpRequest) -> HttpResponse:
    """`?kind=` shows one list, `?show=snoozed` what sleeps. Queries do not grow with rows or groups."""
    wanted = request.GET.get("kind", "") if request.GET.get("kind", "") in FILTERS else ""
    snoozed = request.GET.get("show") == "snoozed"
    sections = [section for section in _sections(request, wanted) if section]
    every = with_what_was_said([group for section in sections for group in section["groups"]])
    for section in sections:
        section["sleeping"] = sum(group.snoozed for group in section["groups"])
        section["groups"] = [group for group in section["groups"] if snoozed or not group.snoozed]
        section["count"] = sum(group.count for group in section["groups"])
    context = {
        "title": "Exceptions inbox",
        "sections": sections,
        "sleeping": sum(section["sleeping"] for section in sections),
        "snoozed": snoozed,
        "kind": wanted,
        "filters": FILTERS.items(),
        "snoozes": SNOOZES.items(),
        "people": _people(request) if every else [],
        "jobs": RepairJob.objects.filter(state=RepairJob.State.RUNNING)[:5],
        "as_of": timezone.now(),
        "may_say": request.user.has_perm("orchestration.repair_run"),
        "may_answer": request.user.has_perm("providers.change_providerrequest"),
    }
    return show(request, "insights/attention.html", context)


def _sections(request: HttpRequest, wanted: str):
    for kind in KINDS:
        if wanted in ("", kind.key) and request.user.has_perm(kind.permission):
            yield _section(request, kind.key, kind.title, kind.empty, groups_of(kind), kind.actions)
    key, title, empty, permission = PROVIDERS
    if wanted in ("", key) and request.user.has_perm(permission):
        yield _section(request, key, title, empty, unhealthy(), ())


def _section(request: HttpRequest, key: str, title: str, empty: str, groups: list[Group], actions) -> dict:
    labels = dict(RepairJob.Action.choices)
    allowed = [(name, labels[name]) for name in actions if request.user.has_perm(TARGETS[name][1])]
    rows = [{"group": group, "fix": link_of(group)} for group in groups]
    return {"key": key, "title": title, "empty": empty, "groups": groups, "actions": allowed, "fixes": {r["group"].cause: r["fix"] for r in rows}}  # fmt: skip


def _people(request: HttpRequest) -> list[User]:
    return list(User.objects.filter(is_active=True, is_staff=True).order_by("username")[:MOST_PEOPLE])


# -- what people say about a group ----------------------------------------------------------------------------------


def _known(request: HttpRequest) -> str:
    cause = request.POST.get("cause", "")
    kinds = {kind.key for kind in KINDS} | {"provider"}
    return cause if len(cause) <= 64 and cause.partition(":")[0] in kinds else ""


def _saying(save: Callable[[HttpRequest, dict], str]) -> Callable:
    """A form about one group: the row is made on first use; a cause that is none is refused."""

    @page("orders.view_order", "orchestration.repair_run")
    @act_once(ValueError)
    def view(request: HttpRequest) -> None:
        if not (cause := _known(request)):
            raise ValueError("No such group.")
        values: dict = {"changed_by": request.user.get_username()}
        sentence = save(request, values)
        title = request.POST.get("title", "")[:200]
        ExceptionGroup.objects.update_or_create(
            cause=cause, defaults={**values, **({"title": title} if title else {})}
        )
        cache.delete("exceptions_open")
        messages.success(request, sentence)

    return view


def _own(request: HttpRequest, values: dict) -> str:
    name = request.POST.get("owner", "")
    owner = User.objects.filter(username=name, is_active=True, is_staff=True).first() if name else None
    if name and owner is None:
        raise ValueError(f"Nobody here is called “{name}”.")
    values["owner"], values["note"] = owner, request.POST.get("note", "").strip()[:500]
    return f"{owner.get_username()} cares for it now." if owner else "It has no owner now."


def _snooze(request: HttpRequest, values: dict) -> str:
    hours = request.POST.get("hours", "")
    if hours == "0":
        values["snoozed_until"] = None
        return "It is awake again."
    if hours not in SNOOZES:
        raise ValueError("Choose from the list how long it sleeps.")
    values["snoozed_until"] = timezone.now() + timedelta(hours=int(hours))
    return f"It sleeps for {SNOOZES[hours]}."


own_group, snooze_group = _saying(_own), _saying(_snooze)


@page("providers.change_providerrequest")
@act_once(ProviderError, ValueError)
def answer_request(request: HttpRequest) -> None:
    """A person knows what became of a request with an unknown outcome."""
    text, result = request.POST.get("request", ""), request.POST.get("result", "")
    if not (text.isdecimal() and len(text) < 19):
        raise ValueError("No such request.")
    outbox.answer(int(text), result, actor=f"user:{request.user.get_username()}")
    messages.success(request, f"Request {text} is {result}.")
