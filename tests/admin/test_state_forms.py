"""Own states, reasons, events and transitions by forms: people choose words, and what would never act is refused."""

import pytest

from orders import definitions
from orders.models import EventDefinition, Order, StateDefinition, StateReason, StateTransition
from orders.services.events import apply_event

ADD = "/admin/orders/{}/add/"


@pytest.fixture(autouse=True)
def shipped(db):
    definitions.sync()


@pytest.fixture
def photo(admin_client):
    """A state and an event of one's own, made by their forms."""
    state = {"entity": "order", "key": "waits_for_photo", "label": "Waits for photo", "timeline_position": ""}
    assert admin_client.post(ADD.format("statedefinition"), state).status_code == 302
    event = {"entity": "order", "key": "order.photo_asked", "name": "Photo asked for"}
    assert admin_client.post(ADD.format("eventdefinition"), event).status_code == 302
    reason = {"entity": "order", "key": "no_photo", "label": "No photo yet"}
    assert admin_client.post(ADD.format("statereason"), reason).status_code == 302
    return {"when": "order.photo_asked", "source": "order/new", "target": "order/waits_for_photo", "reason": "order/no_photo", "active": "on"}  # fmt: skip


def test_an_own_state_is_made_and_reached_by_words_alone(admin_client, photo, make_order, make_product):
    page = admin_client.get(ADD.format("statetransition")).content.decode()
    assert '<optgroup label="Order line">' in page and "Waits for photo" in page and "Photo asked for" in page

    assert admin_client.post(ADD.format("statetransition"), photo).status_code == 302

    row = StateTransition.objects.get()
    assert (row.entity, row.event, row.source_state, row.target_state, row.target_reason) == (
        "order", "order.photo_asked", "new", "waits_for_photo", "no_photo",
    )  # fmt: skip
    told = admin_client.get("/admin/orders/statetransition/").content.decode()
    assert "On “Photo asked for” an order goes from New to Waits for photo" in told
    make_product("A")
    order = make_order(("A", 1))
    (locked,) = Order.objects.lock([order.pk])
    apply_event("order.photo_asked", [locked], actor="test")
    order = Order.objects.get(pk=order.pk)
    assert (order.state, order.state_reason) == ("waits_for_photo", "no_photo")

    # shown again as it was chosen, and changed
    form = f"/admin/orders/statetransition/{row.pk}/change/"
    assert '<option value="order/waits_for_photo" selected>' in admin_client.get(form).content.decode()
    assert admin_client.post(form, {**photo, "source": "order/in_progress"}).status_code == 302
    assert StateTransition.objects.get().source_state == "in_progress"


@pytest.mark.parametrize(
    "change, words",
    [
        ({"target": "order_line/on_hold"}, "This belongs to order line records; the event is about order records."),
        ({"when": "order.held", "target": "order/waits_for_photo"}, "What ships leads from here to “on hold” on this event, and goes first."),
        ({"source": ""}, "This field is required."),
        ({"when": "order.nothing"}, "Select a valid choice."),
    ],
)  # fmt: skip
def test_what_would_never_act_is_refused(admin_client, photo, change, words):
    answer = admin_client.post(ADD.format("statetransition"), {**photo, **change})

    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert not StateTransition.objects.exists()


def test_a_second_way_on_the_same_event_is_refused(admin_client, photo):
    admin_client.post(ADD.format("statetransition"), photo)
    answer = admin_client.post(ADD.format("statetransition"), {**photo, "target": "order/on_hold"})

    assert "Another transition of yours leads from this state on this event" in answer.content.decode()
    assert StateTransition.objects.count() == 1


@pytest.mark.parametrize(
    "model, row, words",
    [
        (
            "statedefinition",
            {"entity": "order", "key": "Waits for it", "label": "Waits"},
            "Use small letters, digits and _",
        ),
        ("statedefinition", {"entity": "moon", "key": "full", "label": "Full"}, "Select a valid choice."),
        (
            "eventdefinition",
            {"entity": "order", "key": "order_line.seen", "name": "Seen"},
            "begins with “order.”",
        ),
        ("statereason", {"entity": "", "key": "why", "label": "Why"}, "This field is required."),
    ],
)
def test_a_bad_word_is_refused(admin_client, model, row, words):
    before = [m.objects.count() for m in (StateDefinition, StateReason, EventDefinition)]
    answer = admin_client.post(ADD.format(model), row)

    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert [m.objects.count() for m in (StateDefinition, StateReason, EventDefinition)] == before
