"""The next sentence: what the order waits for, since when, how long that usually takes, and what comes then."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.timesince import timesince

from fulfillment.models import FulfillmentOrder
from insights.pages.drawing import Drawing, names
from orchestration.models import StepRun
from orders.models import Hold, Order

CLOSED = {
    Order.State.COMPLETED: "Completed: shipped and invoiced.",
    Order.State.CANCELED: "Canceled. Nothing more happens.",
    Order.State.DRAFT: "A draft: nothing happens until somebody presses Orchestrate.",
}


@dataclass(frozen=True, slots=True)
class Sentence:
    """`tone` is one of ok, running, waiting, failed; `text` says where it stands, `then` what follows."""

    tone: str
    text: str
    then: str = ""


def next_sentence(
    order: Order,
    drawing: Drawing | None,
    holds: Sequence[Hold],
    work: Sequence[FulfillmentOrder],
    events: Mapping[str, str],
    usual: Mapping[str, timedelta],
) -> Sentence:
    """`events` is event key -> name, `usual` step key -> the usual time in it."""
    if order.state in CLOSED:
        return Sentence("ok" if order.state == Order.State.COMPLETED else "waiting", CLOSED[order.state])
    if holds:
        return _held(holds)
    if drawing is None:
        return Sentence(
            "waiting", "No flow runs for this order.", "Orchestrate starts the published flows that take it."
        )
    if failed := next((token for token in drawing.tokens if token.state == StepRun.State.FAILED), None):
        return _stopped(drawing, failed)
    if not drawing.tokens:
        return Sentence("ok", f"The flow {drawing.run.flow.name} has ended for this order.")
    return _waiting(drawing, work, events, usual)


def _held(holds: Sequence[Hold]) -> Sentence:
    first = holds[0]
    kinds = " and ".join(hold.get_type_display().lower() for hold in holds)
    why = f": {first.reason.rstrip('.')}" if first.reason else ""
    text = f"On hold ({kinds}) since {_clock(first.placed_at)}{why}."
    return Sentence("failed", text, "It goes on when somebody releases it.")


def _stopped(drawing: Drawing, token: StepRun) -> Sentence:
    step = names(drawing.run.version.definition["steps"]).get(token.step, token.step)
    why = token.error.rstrip(".") or token.error_code
    return Sentence(
        "failed", f"Stopped at {step} since {_clock(token.entered_at)}: {why}.", "A person is needed."
    )


def _waiting(
    drawing: Drawing,
    work: Sequence[FulfillmentOrder],
    events: Mapping[str, str],
    usual: Mapping[str, timedelta],
) -> Sentence:
    known = names(drawing.run.version.definition["steps"])
    token = min(drawing.tokens, key=lambda token: (token.state == StepRun.State.JOINING, token.entered_at))
    step = known.get(token.step, token.step)
    then = _then(drawing, token.step, known)
    if token.state == StepRun.State.READY and not token.waiting_for:
        return Sentence("running", f"Now at {step}.", then)
    wanted = " or ".join(events.get(part, part) for part in token.waiting_for.split(" or "))
    wanted = _plain(token.waiting_for, wanted, work)
    normal = f" (normally {_words(usual[token.step])})" if token.step in usual else ""
    others = len(drawing.tokens) - 1
    more = (
        f" {others} other part{'s' * (others > 1)} of the order wait{'s' * (others == 1)} elsewhere."
        if others
        else ""
    )
    return Sentence(
        "waiting", f"{step}: waiting for {wanted} since {_clock(token.entered_at)}{normal}.{more}", then
    )


def _plain(raw: str, wanted: str, work: Sequence[FulfillmentOrder]) -> str:
    """Shipment is awaited from somebody: say from whom."""
    if raw != "fulfillment_order.shipped":
        return wanted[:1].lower() + wanted[1:]
    sources = [item.source.name for item in work if item.state in FulfillmentOrder.OPEN]
    return f"shipment by {' and '.join(dict.fromkeys(sources))}" if sources else "shipment"


def _then(drawing: Drawing, key: str, known: Mapping[str, str]) -> str:
    following, steps = [], drawing.run.version.compiled["steps"]
    here = steps.get(key, {}).get("next")
    while here and len(following) < 2:
        step = steps.get(here, {})
        if step.get("kind") == "action":
            following.append(known.get(here, here).lower())
        here = step.get("next")
    return f"Next: {', then '.join(following)}." if following else "After that the flow ends."


def _clock(at: datetime) -> str:
    """`14:02`, with the day when it is not today."""
    local, today = timezone.localtime(at), timezone.localdate()
    return f"{local:%H:%M}" if local.date() == today else f"{local.day} {local:%b %H:%M}"


def _words(usual: timedelta) -> str:
    if usual < timedelta(minutes=1):
        return f"{max(1, int(usual.total_seconds()))} s"
    return timesince(timezone.now() - usual, depth=1)
