"""States as the table has them, and the catalog of business events."""

import pytest

from orchestration.services import publishing
from orchestration.services.statechart import charts, event_catalog
from orders import definitions
from orders.models import EventDefinition, StateDefinition, StateTransition


@pytest.fixture(autouse=True)
def shipped(db):
    definitions.sync()


def chart(entity):
    return next(found for found in charts() if found.entity == entity)


def test_every_state_that_ships_is_reached_and_every_transition_knows_its_states():
    assert {found.entity: (found.unreachable, found.unknown) for found in charts()} == {
        "order": ([], []),
        "order_line": ([], []),
        "fulfillment_order": ([], []),
    }


def test_an_own_state_is_lost_until_a_transition_leads_to_it(django_assert_num_queries):
    StateDefinition.objects.create(entity="order", key="looked_at", label="Looked at")
    assert chart("order").unreachable == ["looked_at"]

    StateTransition.objects.create(
        event="order.looked_at", entity="order", source_state="new", target_state="looked_at"
    )

    with django_assert_num_queries(3):
        found = chart("order")
    assert found.unreachable == []
    assert [a.shipped for a in found.arrows["new"] if a.target == "looked_at"] == [False]


def test_the_catalog_says_who_raises_and_who_listens(world, make_orders):
    EventDefinition.objects.create(key="order.silent", name="Silent", entity="order")
    flow = publishing.import_flow("orchestration/flows/order_to_invoice.json", actor="test")
    publishing.publish(flow.pk, actor="test")
    make_orders(2)

    found = {entry.definition.key: entry for entry in event_catalog()}

    assert found["order.new"].heard_by == ["Order to invoice begins"] and found["order.new"].lately == 2
    assert found["order.sourced"].raised_by == ["Order to invoice: Find fulfillment source"]
    assert "Order to invoice: Wait for shipment" in found["fulfillment_order.shipped"].heard_by
    assert (found["order.silent"].raised_by, found["order.silent"].heard_by) == ([], [])


def test_the_pages_show_it(admin_client, world):
    StateDefinition.objects.create(entity="order", key="looked_at", label="Looked at")

    assert "Nothing leads to: Looked at." in admin_client.get("/states/").content.decode()
    assert "order.new" in admin_client.get("/events/").content.decode()
