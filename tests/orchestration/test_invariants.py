"""`check_invariants` is only worth something if it goes red: each promise is broken by hand once, and named."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from fulfillment.models import FulfillmentLine, FulfillmentOrder, Invoice, Shipment
from inventory.models import InventoryPosition
from orchestration.models import FlowRun, StepRun
from orchestration.services.invariants import check_all
from orders import definitions
from orders.models import Order, OrderLine
from orders.services.holds import hold_orders
from providers.models import ExternalId, InboxMessage, ProviderConnection, ProviderRequest

pytestmark = pytest.mark.django_db
STEPS = [{"key": "check", "name": "Check", "kind": "action", "action": "validate_order_header"}]


@pytest.fixture
def world(db):
    """For `publish`: no rows of its own, as the house below has them all."""
    definitions.sync()


@pytest.fixture
def house(make_product, make_source, make_stock, make_order):
    """One order, shipped and invoiced as it should be, with its messages, requests and a position in stock."""
    now, source = timezone.now(), make_source()
    position = make_stock(make_product("MUG"), source, 10)
    order = make_order(("MUG", 2))
    line = order.lines.get()
    work = FulfillmentOrder.objects.create(key="w", order=order, source=source, state_at=now, created_at=now)
    row = FulfillmentLine.objects.create(
        fulfillment_order=work, order_line=line, product=position.product, quantity=2, quantity_shipped=2
    )
    shipment = Shipment.objects.create(key="s", fulfillment_order=work, shipped_at=now)
    invoice = Invoice.objects.create(
        fulfillment_order=work, number="I-1", amount_minor=order.total_minor, currency="USD", issued_at=now
    )
    outside = ProviderConnection.objects.create(key="billing", name="Billing", provider="billing")
    asked = ProviderRequest.objects.create(
        key="k1", connection=outside, action="billing.invoice", payload={}, entity="fulfillment_order", order=order,
        record_id=work.pk, state="done", created_at=now, done_at=now - timedelta(minutes=1),
    )  # fmt: skip
    told = InboxMessage.objects.create(
        connection=outside, external_message_id="m1", topic="t", body=b"{}", state="done", received_at=now
    )
    return {
        "order": order, "line": line, "work": work, "row": row, "shipment": shipment, "invoice": invoice, "position": position,
        "asked": asked, "told": told, "outside": outside, "now": now,
    }  # fmt: skip


def change(record, **values) -> None:
    """Past every service, as a hand in the database would."""
    type(record)._base_manager.filter(pk=record.pk).update(**values)


def unguard(model) -> None:
    """Without the constraints of its table; the end of the test brings them back."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype IN ('c', 'u')",
            [model._meta.db_table],
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f'ALTER TABLE "{model._meta.db_table}" DROP CONSTRAINT "{name}"')


def broken() -> dict[str, int]:
    return {finding.id: finding.count for finding in check_all() if finding.count}


def a_copy(record, **values) -> None:
    for name, value in values.items():
        setattr(record, name, value)
    record.pk = None
    record._state.adding = True
    record.save(force_insert=True)


@pytest.fixture
def run_of(publish):
    """A run of an order in this state, with one token in that; `publish` needs no world of its own."""

    def make(order, *, waiting_for: str = "", token: str = "") -> FlowRun:
        version = publish(STEPS)
        run = FlowRun.objects.create(
            flow=version.flow, version=version, order=order, state="waiting", start_event_id=1,
            started_at=timezone.now(), due_at=None,
        )  # fmt: skip
        if token:
            StepRun.objects.create(
                run=run, step="check", state=token, waiting_for=waiting_for, entered_at=timezone.now()
            )
        return run

    return make


def test_all_holds_at_first_and_the_command_says_so(house, capsys):
    assert broken() == {}
    call_command("check_invariants")
    said = capsys.readouterr().out
    assert "BROKEN" not in said
    assert "payments and refunds are not kept yet: none to check" in said


def test_i1_an_order_without_its_lines(house, make_order):
    OrderLine._base_manager.filter(order=make_order(("MUG", 1))).delete()
    assert broken() == {"I1": 1}


def test_i3b_stock_that_its_ledger_does_not_know(house):
    change(house["position"], on_hand=11)
    assert broken() == {"I3b": 1}


def test_i4_an_effect_with_two_done_receipts(house):
    a_copy(house["asked"], key="k2")
    assert broken() == {"I4": 1}


def test_i6_an_invoice_of_what_never_shipped(house):
    house["shipment"].delete()
    assert broken() == {"I6": 1}


def test_i6b_an_order_invoiced_beyond_its_total(house):
    change(house["invoice"], amount_minor=house["order"].total_minor + 1)
    assert broken() == {"I6b": 1}


def test_i7_a_run_that_nothing_will_ever_wake(house, run_of):
    run_of(house["order"])
    assert broken() == {"I7": 1}


def test_i7b_a_run_that_waits_for_an_answer_that_has_come(house, run_of):
    run_of(house["order"], token="waiting", waiting_for="the provider's answer")
    assert broken() == {"I7b": 1}


def test_i8_a_state_that_no_event_led_to(house, world, make_order):
    moved = make_order(("MUG", 1))
    hold_orders([moved.pk], type="manual", reason="look", actor="test")
    assert broken() == {}
    change(moved, state="completed")
    assert broken() == {"I8": 1}


def test_i9_a_message_that_nobody_will_look_at(house):
    change(house["told"], state="waiting", due_at=None)
    assert broken() == {"I9": 1}


def test_i10_a_request_that_nobody_will_send(house):
    change(house["asked"], state="ready", done_at=None, due_at=None)
    assert broken() == {"I10": 1}


def test_f33_what_is_canceled_and_shipped(house):
    change(house["work"], state="canceled")
    assert broken()["F33"] == 1


def test_the_command_ends_with_1_and_names_what_is_broken(house, capsys):
    change(house["told"], state="waiting", due_at=None)
    with pytest.raises(SystemExit) as ended:
        call_command("check_invariants")
    assert ended.value.code == 1
    assert (
        f"BROKEN every message is processed, parked or due: 1  ({house['told'].pk},)"
        in capsys.readouterr().out
    )


# -- what the database itself forbids: its constraint is the first guard, the check the second -----------------------------


@pytest.mark.postgres
def test_i2_an_external_id_twice(house):
    with pytest.raises(Exception, match="unique"), transaction.atomic():
        a_copy(house["order"])
    unguard(Order)
    a_copy(Order.objects.get(external_id=house["order"].external_id))
    assert broken()["I2"] == 1


@pytest.mark.postgres
def test_i3_more_reserved_than_there_is(house):
    with pytest.raises(Exception, match="check"), transaction.atomic():
        change(house["position"], reserved=11)
    unguard(InventoryPosition)
    change(house["position"], reserved=11)
    assert broken()["I3"] == 1


@pytest.mark.postgres
def test_i4b_two_of_ours_are_one_of_theirs(house):
    unguard(ExternalId)
    for record_id in (1, 2):
        ExternalId.objects.create(
            connection=house["outside"], entity="fulfillment_order", record_id=record_id, external_id="3P-1"
        )
    assert broken() == {"I4b": 1}


@pytest.mark.postgres
def test_i5_more_shipped_than_ordered(house):
    with pytest.raises(Exception, match="check"), transaction.atomic():
        change(house["row"], quantity_shipped=3)
    unguard(FulfillmentLine)
    change(house["row"], quantity_shipped=3)
    assert broken() == {"I5": 1}
