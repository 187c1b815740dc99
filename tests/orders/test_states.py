"""States, reasons and transitions that people made: rows, in effect at once, obeyed by the one function that moves."""

import pytest
from django.apps.registry import Apps
from django.core.management.sql import emit_post_migrate_signal

from orders.apps import write_definitions
from orders.errors import ReadOnlyState
from orders.models import BusinessEvent, EventDefinition, Order, StateDefinition, StateReason, StateTransition
from orders.services.cancellation import cancel_orders
from orders.services.editing import orchestrate_orders, update_order
from orders.services.events import apply_event
from orders.services.holds import hold_orders
from orders.services.states import allowed_actions

pytestmark = pytest.mark.django_db


@pytest.fixture
def review(db):
    """An event of our own takes new orders to a state of our own, and another brings them back."""
    StateDefinition.objects.create(entity="order", key="in_review", label="In review", read_only=True)
    for event, source, target in (
        ("order.review", "new", "in_review"),
        ("order.reviewed", "in_review", "new"),
        ("order.orchestrate", "in_review", "in_progress"),
    ):
        EventDefinition.objects.get_or_create(key=event, defaults={"name": event, "entity": "order"})
        StateTransition.objects.create(
            event=event, entity="order", source_state=source, target_state=target, target_reason="checked"
        )


def state_of(order):
    return Order.objects.values_list("state", "state_reason").get(pk=order.pk)


def test_a_made_transition_moves_and_says_so_in_the_event(make_order, review):
    order = make_order()

    outcome = apply_event("order.review", [order], actor="user:ann")

    assert outcome.changed == [order.pk]
    assert state_of(order) == ("in_review", "checked")
    told = BusinessEvent.objects.get(kind="order.review")
    assert (told.payload["from"], told.payload["to"], told.actor) == ("new", "in_review", "user:ann")


def test_from_a_state_without_the_transition_nothing_happens(make_order, review):
    order = make_order()

    outcome = apply_event("order.reviewed", [order], actor="user:ann")

    assert outcome.refused == {order.pk: "order.reviewed does not apply in state new"}
    assert state_of(order)[0] == "new"
    assert not BusinessEvent.objects.filter(kind="order.reviewed").exists()


def test_an_event_without_any_transition_passes_and_the_state_stays(make_order):
    order = make_order()

    outcome = apply_event("order.delivered", [order], actor="system")

    assert outcome.changed == [order.pk]
    assert state_of(order)[0] == "new"


def test_a_transition_that_is_switched_off_moves_nothing(make_order, review):
    StateTransition.objects.filter(event="order.review").update(active=False)
    order = make_order()

    apply_event("order.review", [order], actor="user:ann")

    assert state_of(order)[0] == "new"


def test_a_made_state_obeys_its_read_only_flag_the_moment_it_changes(make_order, review):
    order = make_order()
    apply_event("order.review", [order], actor="user:ann")
    with pytest.raises(ReadOnlyState, match="in review"):
        update_order(order.pk, version=1, changes={"customer_name": "Bea"}, actor="user:ann")

    StateDefinition.objects.filter(key="in_review").update(read_only=False)

    assert update_order(order.pk, version=1, changes={"customer_name": "Bea"}, actor="user:ann") == 2


def test_what_is_possible_in_a_made_state_is_what_its_transitions_allow(make_order, review):
    order = make_order()
    apply_event("order.review", [order], actor="user:ann")

    refused = hold_orders([order.pk], type="fraud", reason="odd", actor="user:ann").refused

    assert allowed_actions("in_review") == ["orchestrate", "clone"]
    assert refused == {
        order.pk: f"{order.number} is in review and cannot be held; possible now: orchestrate, clone."
    }


def test_orchestrate_follows_a_made_transition(make_order, review):
    order = make_order()
    apply_event("order.review", [order], actor="user:ann")

    orchestrate_orders([order.pk], actor="user:ann")

    assert state_of(order) == ("in_progress", "checked")


def test_an_edit_follows_a_made_transition_and_elsewhere_stays_an_edit(make_order, review):
    StateTransition.objects.create(
        event="order.changed", entity="order", source_state="in_progress", target_state="new"
    )
    new, running = make_order(), make_order()
    apply_event("order.validated", [running], actor="test")

    for order in (new, running):
        update_order(order.pk, version=1, changes={"customer_name": "Bea"}, actor="user:ann")

    assert (state_of(new)[0], state_of(running)[0]) == ("new", "new")
    assert BusinessEvent.objects.filter(kind="order.changed").count() == 2


def test_a_made_state_without_a_way_to_canceled_keeps_every_line(make_order, review):
    order = make_order()
    apply_event("order.review", [order], actor="user:ann")

    outcome = cancel_orders([order.pk], actor="user:ann", reason="not wanted")

    assert (outcome.changed, list(outcome.refused)) == ([], [order.pk])
    assert not order.lines.filter(state="canceled").exists()


def test_whoever_migrates_has_the_words_that_ship():
    """Without a demo world too; and going back through the migrations meets no table that is gone."""
    EventDefinition.objects.create(key="order.mine", name="Mine", entity="order")
    EventDefinition.objects.filter(key="order.new").update(name="Changed by hand")
    StateReason.objects.filter(key="backorder").delete()

    emit_post_migrate_signal(verbosity=0, interactive=False, db="default")
    write_definitions(apps=Apps())

    assert EventDefinition.objects.get(key="order.new").name == "New order"
    assert set(EventDefinition.objects.filter(shipped=False).values_list("key", flat=True)) == {"order.mine"}
    assert StateReason.objects.filter(key="backorder", shipped=True).exists()
