from dataclasses import replace
from datetime import timedelta, timezone
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory.models import Product
from orders.models import BusinessEvent, Charge, Hold, Order, OrderLine, OrderTag
from orders.services.intake import create_orders
from orders.types import ChargeDraft, Intake, LineDraft, Party

pytestmark = pytest.mark.django_db


def test_an_order_is_stored_as_it_came(make_draft, products, customer, kinds_of):
    draft = make_draft(
        external_id="1001",
        customer_code="C-1",
        customer_email="",
        charges=(
            ChargeDraft("shipping", 500),
            ChargeDraft("discount", -100, "SPRING"),
            ChargeDraft("tax", 75),
        ),
        bill_to=Party("Moss Ltd", city="Denver", country="US"),
        total_minor=9350,
        tags=("gift", "vip", "gift"),
        notes="ring twice",
    )

    (intake,) = create_orders([draft], actor="api:abc")

    order = Order.objects.get()
    assert intake == Intake(0, "created", order.pk)
    assert (order.state, order.external_id, order.currency, order.notes) == (
        "new",
        "1001",
        "USD",
        "ring twice",
    )
    assert (order.customer, order.customer_name, order.customer_email) == (
        customer,
        "Ada Moss",
        "ada@example.com",
    )
    assert (order.goods_minor, order.discount_minor, order.shipping_minor) == (8900, 150, 500)
    assert (order.tax_minor, order.total_minor) == (100, 9350)
    assert (order.line_count, order.unit_count, order.version) == (3, 6, 1)
    assert (order.ship_to_city, order.ship_to_latitude) == ("Denver", 39.75)
    assert order.bill_to == {"name": "Moss Ltd", "city": "Denver", "country": "US"}
    lines = list(
        order.lines.values_list("line_number", "product", "sku", "description", "quantity", "amount_minor")
    )
    assert lines == [
        (1, products["MUG"].pk, "MUG", "Mug of the house", 2, 2500),
        (2, products["TEA"].pk, "TEA", "Tea of the house", 1, 350),
        (3, products["POT"].pk, "POT", "Pot of the house", 3, 6000),
    ]
    assert list(order.charges.values_list("kind", "amount_minor")) == [
        ("shipping", 500),
        ("discount", -100),
        ("tax", 75),
    ]
    assert sorted(OrderTag.objects.values_list("tag__name", flat=True)) == ["gift", "vip"]
    event = BusinessEvent.objects.get()
    assert (event.kind, event.order, event.actor) == ("order.new", order, "api:abc")
    known = {"channel_id": order.channel_id, "line_count": 3, "unit_count": 6}
    assert event.payload == {"external_id": "1001", "total_minor": 9350, "currency": "USD"} | known


def test_the_same_order_again_is_the_same_order(make_draft):
    draft = make_draft()
    (first,) = create_orders([draft], actor="test")
    moved = draft.placed_at.astimezone(timezone(timedelta(hours=-7)))
    pricier = tuple(
        replace(line, unit_price=Decimal(f"{line.unit_price}0" if "." in str(line.unit_price) else "20.0"))
        for line in draft.lines
    )

    again = create_orders([draft, replace(draft, placed_at=moved, lines=pricier)], actor="other")

    assert again == [Intake(0, "existing", first.order_id), Intake(1, "existing", first.order_id)]
    assert (Order.objects.count(), OrderLine.objects.count(), BusinessEvent.objects.count()) == (1, 3, 1)


def test_the_same_id_with_other_content_is_a_conflict_that_names_the_first(make_draft):
    draft = make_draft(external_id="77")
    (first,) = create_orders([draft], actor="test")

    (intake,) = create_orders([replace(draft, priority=1)], actor="test")

    number = Order.objects.get().number
    assert (intake.result, intake.order_id) == ("conflict", first.order_id)
    (error,) = intake.errors
    assert (error["code"], error["field"], error["number"]) == ("order_exists", "external_id", number)
    assert error["message"] == f"77 came before with other content; it is {number}."
    assert Order.objects.get().priority == 50


def test_one_batch_may_hold_the_same_order_twice(make_draft):
    draft = make_draft()

    answers = create_orders([draft, draft, replace(draft, notes="other")], actor="test")

    assert [answer.result for answer in answers] == ["created", "existing", "conflict"]
    assert {answer.order_id for answer in answers} == {Order.objects.get().pk}


def test_a_refused_draft_leaves_its_id_to_the_next(make_draft):
    good = make_draft()
    bad = replace(good, lines=(LineDraft(1, "NONE", 1, Decimal(1)),))

    answers = create_orders([bad, good], actor="test")

    assert [answer.result for answer in answers] == ["refused", "created"]


def test_faulty_rows_are_refused_and_the_others_go_in(make_draft):
    drafts = [make_draft(), make_draft(currency="XXX"), make_draft()]

    answers = create_orders(drafts, actor="test")

    assert [answer.result for answer in answers] == ["created", "refused", "created"]
    assert answers[1].errors[0]["code"] == "unknown_currency"
    assert Order.objects.count() == 2
    assert BusinessEvent.objects.count() == 2


def test_a_draft_of_a_person_raises_no_event_and_may_be_empty(make_draft):
    (intake,) = create_orders([make_draft(draft=True, is_manual=True, lines=())], actor="user:anna")

    order = Order.objects.get(pk=intake.order_id)
    assert (order.state, order.is_manual, order.total_minor) == ("draft", True, 0)
    assert BusinessEvent.objects.count() == 0


def test_an_inactive_product_gives_way_to_its_substitute(make_draft, products):
    kettle = Product.objects.create(sku="KETTLE", name="Kettle")
    Product.objects.filter(sku="POT").update(active=False, substitute=kettle)

    (intake,) = create_orders([make_draft()], actor="test")

    line = OrderLine.objects.get(order_id=intake.order_id, line_number=3)
    assert (line.product, line.sku, line.requested_sku, line.is_substitute) == (kettle, "KETTLE", "POT", True)
    assert line.description == "Kettle"


def test_an_inactive_product_without_an_active_substitute_is_refused(make_draft):
    spare = Product.objects.create(sku="SPARE", name="Spare", active=False)
    make = make_draft()
    Product.objects.filter(sku="POT").update(active=False, substitute=spare)

    (intake,) = create_orders([make], actor="test")

    assert [(e["code"], e["field"]) for e in intake.errors] == [("inactive_product", "lines[2].sku")]


def test_a_line_with_a_description_may_name_no_product(make_draft):
    lines = (
        LineDraft(1, "", 2, Decimal("3.10"), "Engraving"),
        LineDraft(2, "OWN-1", 1, Decimal(1), "Own goods"),
    )

    (intake,) = create_orders([make_draft(lines=lines)], actor="test")

    rows = OrderLine.objects.filter(order_id=intake.order_id).values_list(
        "product", "sku", "description", "amount_minor"
    )
    assert list(rows) == [(None, "", "Engraving", 620), (None, "OWN-1", "Own goods", 100)]


def test_a_trusted_channel_loses_no_order(make_draft, channel, kinds_of):
    channel.trusted = True
    channel.save(update_fields=["trusted"])
    draft = make_draft(
        lines=(LineDraft(1, "NONE", 2, Decimal("1.255")),),
        total_minor=999,
        customer_code="C-404",
        ship_to=Party("Ada Moss", country="Utopia"),
    )

    (intake,) = create_orders([draft], actor="provider:shop")

    order, hold = Order.objects.get(), Hold.objects.get()
    assert intake == Intake(0, "created", order.pk)
    assert (order.state, order.state_reason, order.total_minor) == ("on_hold", "validation", 251)
    assert (order.customer, order.ship_to_country) == (None, "")
    assert order.lines.get().product is None
    assert (hold.order, hold.type, hold.placed_by, hold.blocks) == (order, "validation", "provider:shop", [])
    assert hold.reason.startswith("'Utopia' is not a country code. There is no product NONE.")
    assert kinds_of(order) == ["order.new", "order.held"]
    codes = [row["code"] for row in BusinessEvent.objects.get(kind="order.held").payload["errors"]]
    assert codes == ["unknown_country", "unknown_sku", "money_format", "unknown_customer", "totals_mismatch"]
    assert create_orders([draft], actor="provider:shop") == [Intake(0, "existing", order.pk)]
    assert Hold.objects.count() == 1


def test_park_faulty_parks_for_any_channel_but_not_what_cannot_be_stored(make_draft):
    parked, hopeless = make_draft(total_minor=1), make_draft(total_minor=1, currency="???")

    answers = create_orders([parked, hopeless], actor="test", park_faulty=True)

    assert [answer.result for answer in answers] == ["created", "refused"]
    assert Hold.objects.get().order_id == answers[0].order_id


def test_a_launch_date_comes_from_the_product(make_draft, products):
    Product.objects.filter(sku="MUG").update(launch_date="2027-01-15")

    (intake,) = create_orders([make_draft()], actor="test")

    dates = OrderLine.objects.filter(order_id=intake.order_id).values_list("launch_date", flat=True)
    assert [str(date) for date in dates] == ["2027-01-15", "None", "None"]


def test_no_drafts_no_answers():
    assert create_orders([], actor="test") == []


@pytest.mark.parametrize("count", [1, 200])
def test_the_number_of_queries_does_not_grow(make_draft, customer, count, settings):
    settings.IOM = settings.IOM | {"ON_EVENTS": []}  # the listeners are other floors'
    drafts = [
        make_draft(customer_code="C-1", charges=(ChargeDraft("shipping", 5),), tags=("a", "b"))
        for _ in range(count)
    ]

    with CaptureQueriesContext(connection) as queries:
        create_orders(drafts, actor="test")

    ours = [query["sql"] for query in queries if "orders_" in query["sql"] or "inventory_" in query["sql"]]
    assert Order.objects.count() == count
    assert (OrderLine.objects.count(), Charge.objects.count()) == (3 * count, count)
    assert len(ours) in (11, 13)  # PostgreSQL numbers orders and events before it copies them
