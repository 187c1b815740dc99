import pytest

from orders.errors import OrderNotFound
from orders.models import Hold, Order
from orders.selectors import active_blocks
from orders.services.holds import hold_orders, release_event, release_holds
from orders.types import Outcome

pytestmark = pytest.mark.django_db


def state_of(order):
    return Order.objects.values_list("state", "state_reason").get(pk=order.pk)


def test_several_holds_at_once_and_a_repeat_changes_nothing(make_order, kinds_of):
    order = make_order()

    assert hold_orders([order.pk], type="fraud", reason="odd", actor="a") == Outcome([order.pk])
    assert hold_orders([order.pk], type="fraud", reason="odd", actor="b") == Outcome()
    assert hold_orders([order.pk], type="address", reason="", actor="a") == Outcome([order.pk])

    assert state_of(order) == ("on_hold", "address")
    assert list(Hold.objects.order_by("pk").values_list("type", "placed_by")) == [
        ("fraud", "a"),
        ("address", "a"),
    ]
    assert kinds_of(order) == ["order.new", "order.held", "order.held"]


def test_an_order_stays_on_hold_until_the_last_one_goes(make_order, kinds_of):
    order = make_order()
    hold_orders([order.pk], type="fraud", reason="", actor="a")
    hold_orders([order.pk], type="manual", reason="", actor="a")

    assert release_holds([order.pk], actor="b", type="fraud") == Outcome([order.pk])
    assert state_of(order)[0] == "on_hold"
    assert release_holds([order.pk], actor="b", type="fraud") == Outcome()
    assert release_holds([order.pk], actor="b", note="fine") == Outcome([order.pk])
    assert release_holds([order.pk], actor="b") == Outcome()

    assert state_of(order)[0] == "new"
    assert kinds_of(order)[-2:] == ["order.changed", "order.released_to_new"]
    assert Hold.objects.active().count() == 0


@pytest.mark.parametrize(
    ("lines", "event"),
    [
        ({"new"}, "order.released_to_new"),
        (set(), "order.released_to_new"),
        ({"new", "in_progress"}, "order.released"),
        ({"on_hold"}, "order.released"),
        ({"in_progress", "fulfillment"}, "order.released_to_fulfillment"),
        ({"shipped", "new"}, "order.released_to_fulfillment"),
        ({"invoiced"}, "order.released_to_fulfillment"),
    ],
)
def test_where_a_release_leads(lines, event):
    assert release_event(lines) == event


def test_a_finished_order_is_refused_with_what_is_possible(make_order, move):
    order = make_order()
    move(order, "order.canceled")

    outcome = hold_orders([order.pk], type="manual", reason="", actor="a")

    assert outcome.refused == {
        order.pk: f"{order.number} is canceled and cannot be held; possible now: clone."
    }
    assert Hold.objects.count() == 0


def test_an_unknown_order_changes_nothing(make_order):
    order = make_order()
    with pytest.raises(OrderNotFound):
        hold_orders([order.pk, 10**9], type="manual", reason="", actor="a")
    assert Hold.objects.count() == 0


def test_blocks_add_up_and_empty_means_all(make_order):
    one, two, free = make_order(), make_order(), make_order()
    hold_orders([one.pk], type="fraud", reason="", actor="a", blocks=["send_to_fulfillment"])
    hold_orders([one.pk], type="credit", reason="", actor="a", blocks=["send_to_invoice"])
    hold_orders([two.pk], type="manual", reason="", actor="a")

    found = active_blocks([one.pk, two.pk, free.pk])

    assert found == {one.pk: {"send_to_fulfillment", "send_to_invoice"}, two.pk: "all"}
