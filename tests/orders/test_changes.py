from decimal import Decimal

import pytest

from orders import definitions
from orders.errors import InvalidChange, ReadOnlyState, StaleEdit
from orders.models import BusinessEvent, Hold, Order, OrderLine
from orders.numbers import order_id_of
from orders.selectors import timeline
from orders.services import access
from orders.services.cancellation import cancel_lines, cancel_orders
from orders.services.editing import (
    add_draft_lines,
    add_note,
    clone_order,
    orchestrate_orders,
    set_tags,
    update_order,
)
from orders.services.holds import hold_orders
from orders.types import LineDraft, Outcome

pytestmark = pytest.mark.django_db


def test_lines_are_canceled_once_and_the_last_takes_the_order_along(make_order, kinds_of):
    order = make_order()
    first, *others = order.lines.values_list("pk", flat=True)

    assert cancel_lines([first], actor="a", reason="x") == Outcome([first])
    assert cancel_lines([first], actor="a", reason="x") == Outcome()
    assert Order.objects.get().state == "new"
    assert cancel_lines(others, actor="a", reason="x") == Outcome(others)

    assert Order.objects.get().state == "canceled"
    assert list(order.lines.values_list("quantity_canceled", flat=True)) == [2, 1, 3]
    assert kinds_of(order) == ["order.new", *["order_line.canceled"] * 3, "order.canceled"]


def test_an_order_in_fulfillment_keeps_every_line(make_order, move):
    order = make_order()
    line = order.lines.first()
    move(line, "order_line.sent_to_fulfillment")

    outcome = cancel_orders([order.pk], actor="a", reason="x")

    sentence = f"Line 1 of {order.number} is in fulfillment and must be stopped there first."
    assert outcome == Outcome([], {order.pk: sentence})
    assert OrderLine.objects.filter(state="canceled").count() == 0


def test_canceling_an_order_ends_its_holds_and_a_repeat_changes_nothing(make_order):
    order = make_order()
    hold_orders([order.pk], type="fraud", reason="", actor="a")

    assert cancel_orders([order.pk], actor="a", reason="late") == Outcome([order.pk])
    assert cancel_orders([order.pk], actor="a", reason="late") == Outcome()

    assert Hold.objects.active().count() == 0
    payload = BusinessEvent.objects.get(kind="order.canceled").payload
    assert (payload["note"], payload["amount_minor"]) == ("late", 8850)


def test_an_edit_says_before_and_after_and_finds_the_new_place(make_order):
    order = make_order()

    assert update_order(order.pk, version=1, changes={"ship_to": {"city": "Boulder"}}, actor="a") == 2
    assert update_order(order.pk, version=2, changes={"ship_to_city": "Boulder"}, actor="a") == 2

    changed = Order.objects.get()
    assert (changed.ship_to_city, changed.ship_to_latitude, changed.version) == (
        "Boulder",
        39.0,
        2,
    )  # the middle of Colorado
    payload = BusinessEvent.objects.get(kind="order.changed").payload
    assert payload["changed"]["ship_to_city"] == ["Denver", "Boulder"]


def test_a_stale_edit_carries_both_values(make_order):
    order = make_order()
    update_order(order.pk, version=1, changes={"priority": 10}, actor="a")

    with pytest.raises(StaleEdit) as caught:
        update_order(order.pk, version=1, changes={"priority": 20}, actor="b")

    assert caught.value.fields == {"priority": (10, 20)}
    assert Order.objects.get().priority == 10


def test_every_bad_field_is_named(make_order):
    order = make_order()

    with pytest.raises(InvalidChange) as caught:
        update_order(
            order.pk, version=1, changes={"state": "shipped", "colour": 1, "ship_to_country": "XX"}, actor="a"
        )

    assert [row["code"] for row in caught.value.faults] == ["read_only", "unknown_field", "unknown_country"]


def test_a_read_only_state_refuses_edits(make_order, move):
    definitions.sync()
    order = make_order()
    move(order, "order.canceled")

    with pytest.raises(ReadOnlyState) as caught:
        update_order(order.pk, version=1, changes={"priority": 1}, actor="a")

    assert caught.value.allowed == ["clone"]


def test_a_clone_is_a_draft_that_can_be_orchestrated(make_order, kinds_of):
    order = make_order()

    copy = Order.objects.get(pk=clone_order(order.pk, actor="a"))

    assert (copy.state, copy.is_manual, copy.external_id) == ("draft", True, f"clone-of-{order.number}-1")
    assert (copy.line_count, copy.total_minor) == (3, 8900)
    lines = (LineDraft(9, "MUG", 1, Decimal("1.00")),)
    assert add_draft_lines(copy.pk, version=1, lines=lines, actor="a") == 2
    assert orchestrate_orders([copy.pk, order.pk], actor="a") == Outcome([order.pk, copy.pk])
    copy = Order.objects.get(pk=copy.pk)
    assert (copy.state, copy.line_count, copy.total_minor) == ("new", 4, 9000)
    assert kinds_of(order)[-1] == "order.orchestrate"


def test_tags_notes_and_the_timeline(make_order):
    order = make_order()

    assert set_tags([order.pk], names=["vip", "gift"], actor="a") == Outcome([order.pk])
    assert set_tags([order.pk], names=["gift", "vip"], actor="a") == Outcome()
    add_note(order.pk, text="rang", actor="a")

    assert [entry.kind for entry in timeline(order.pk)] == ["note", "order.changed", "order.new"]
    (newest,) = timeline(order.pk, limit=1)
    assert [entry.kind for entry in timeline(order.pk, before=newest.cursor)] == [
        "order.changed",
        "order.new",
    ]


def test_a_key_opens_until_it_is_revoked(db):
    key, plain = access.create_key("Shop", scopes=["orders:*"])

    assert access.authenticate(plain) == key
    assert plain not in str(vars(key))
    assert (access.allows(key, "orders:write"), access.allows(key, "events:read")) == (True, False)
    assert access.authenticate(plain + "x") is None
    assert access.authenticate("\0") is None
    assert (access.revoke_keys([key.pk]), access.revoke_keys([key.pk])) == (1, 0)
    assert access.authenticate(plain) is None


@pytest.mark.parametrize(
    ("text", "pk"),
    [("SO-1042", 42), (" so1042 ", 42), ("1042", 42), ("SO-1000", None), ("x", None), ("", None)],
)
def test_numbers_are_read_back(text, pk):
    assert order_id_of(text) == pk
