"""What the buttons of an order page do: each calls one service, says what happened, and goes back."""

from django.contrib import messages
from django.http import HttpRequest

from iom.lib.once import act_once
from iom.lib.pages import page, tell
from orders.errors import OrdersError
from orders.models import Hold
from orders.numbers import number_of
from orders.services.editing import add_note, orchestrate_orders
from orders.services.holds import hold_orders, release_holds

CHANGE = "orders.change_order"


@page(CHANGE)
@act_once(OrdersError)
def orchestrate(request: HttpRequest, pk: int) -> None:
    outcome = orchestrate_orders([pk], actor=_actor(request))
    tell(request, outcome, done="on its way through the flows", number=number_of)


@page(CHANGE)
@act_once(OrdersError)
def hold(request: HttpRequest, pk: int) -> None:
    kind = request.POST.get("type", "")
    if kind not in Hold.Type.values:
        messages.error(request, "Choose the kind of hold from the list.")
        return
    reason = request.POST.get("reason", "").strip()
    outcome = hold_orders([pk], type=kind, reason=reason[:200], actor=_actor(request))
    tell(request, outcome, done="on hold", number=number_of)


@page(CHANGE)
@act_once(OrdersError)
def release(request: HttpRequest, pk: int) -> None:
    tell(request, release_holds([pk], actor=_actor(request)), done="released", number=number_of)


@page(CHANGE)
@act_once(OrdersError)
def note(request: HttpRequest, pk: int) -> None:
    text = request.POST.get("text", "").strip()
    if not text:
        messages.error(request, "A note needs a text.")
        return
    add_note(pk, text=text[:5000], actor=_actor(request))
    messages.success(request, "The note is on the timeline.")


def _actor(request: HttpRequest) -> str:
    return f"user:{request.user.get_username()}"
