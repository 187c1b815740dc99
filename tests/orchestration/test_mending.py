"""Fixing in place: what is wrong is mended on all orders of a group and they are tried again; the group closes by itself."""

import json
import re
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fulfillment.models import SourceList
from fulfillment.services.directing import send_to_source
from insights.exceptions import KINDS, groups_of
from inventory.models import Product
from inventory.services.catalog import stand_in
from inventory.services.stock import set_on_hand
from inventory.types import StockLevel
from orchestration.models import FlowRun, RepairJob, RepairRow, StepRun
from orchestration.services import mending, repair_jobs
from orchestration.services.mending import BadFix
from orders.errors import InvalidChange
from orders.models import BusinessEvent, Customer, Hold, Order, OrderLine, OrderNote
from orders.services.holds import hold_orders
from orders.services.mending import change_orders, direct_lines, free_customers
from providers.models import InboxMessage, ProviderConnection

KIND = {kind.key: kind for kind in KINDS}
COMPLETE = {
    "key": "complete", "name": "Header is complete", "type": "execution", "entity": "order", "criticality": "critical", "combine": "all",
    "otherwise": "pass",
    "rules": [{"name": "Country is US", "condition": {"field": "ship_to_country", "op": "equals", "value": "US"}, "actions": []},
              {"name": "Contact is given", "condition": {"field": "customer_email", "op": "has_data"}, "actions": []}],
}  # fmt: skip
CREDIT = {
    "key": "credit", "name": "Customer is not on credit hold", "type": "execution", "entity": "order", "criticality": "critical", "combine": "all",
    "otherwise": "pass",
    "rules": [{"name": "No credit hold", "condition": {"not": {"field": "customer.credit_hold", "op": "equals", "value": True}}, "actions": []}],
}  # fmt: skip


def check(*policies):
    return [{"kind": "action", "key": "check", "name": "Check", "action": "validate_order_header", "policies": list(policies)}]  # fmt: skip


@pytest.fixture(autouse=True)
def fresh_cache():
    cache.clear()


@pytest.fixture
def stopped(publish, make_orders, run_flows):
    """Three orders without a contact, two of them to Canada; all stand at the check."""
    publish(check("complete"), policies=[COMPLETE])
    made = [*make_orders(2, country="CA"), *make_orders(1)]
    run_flows()
    return made


def group(kind="policy"):
    (found,) = groups_of(KIND[kind])
    return found


def cause_page(client, found):
    return client.get(f"/attention/cause/{found.cause}/").content.decode()


def asked(page, **values):
    """The form of a page as a browser would send it, with these values typed."""
    form = page[page.index('action="/repairs/new/"') :].partition("</form>")[0]
    hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form))
    hidden = {name: value.replace("&quot;", '"') for name, value in hidden.items()}
    return hidden | {f"mend.{name}": value for name, value in values.items()}


def apply_and_retry(client, found, **values):
    """From the group's page over the preview to a job that is done."""
    form = asked(cause_page(client, found), **values)
    preview = client.get(f"/repairs/new/?{urlencode(form)}").content.decode()
    begin = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', preview))
    begin = {name: value.replace("&quot;", '"') for name, value in begin.items()}
    answer = client.post("/repairs/start/", begin)
    repair_jobs.work()
    return preview, RepairJob.objects.get(pk=int(answer.url.split("/")[2]))


def test_fields_of_all_orders_are_mended_the_steps_tried_again_and_the_group_is_closed(
    admin_client, stopped, run_flows
):
    elsewhere = next(found for found in groups_of(KIND["policy"]) if found.count == 2)
    page = cause_page(admin_client, elsewhere)
    assert "Correct the orders" in page and 'name="mend.ship_to_country"' in page
    assert (
        'name="mend.customer_email"' in page and "mend.ship_to_city" not in page
    )  # what the policy looks at
    assert "now CA</small>" in page and "now empty</small>" in page

    preview, job = apply_and_retry(
        admin_client, elsewhere, ship_to_country="US", customer_email="a@b.example"
    )
    assert "set ship to country to US, set customer email to a@b.example" in preview
    assert "<strong" in preview and "Apply and retry: 2" in preview
    assert (job.changed, job.refused, job.reason) == (
        2,
        0,
        "Set ship to country to US, set customer email to a@b.example",
    )
    run_flows()

    assert [found.count for found in groups_of(KIND["policy"])] == [1]
    assert "closed by itself" in cause_page(admin_client, elsewhere)
    assert set(FlowRun.objects.filter(order__in=stopped[:2]).values_list("state", flat=True)) == {"done"}
    order = Order.objects.get(pk=stopped[0].pk)
    assert (order.ship_to_country, order.customer_email, order.version) == (
        "US",
        "a@b.example",
        stopped[0].version + 1,
    )
    told = BusinessEvent.objects.get(order_id=order.pk, kind="order.changed")
    assert told.payload["changed"]["ship_to_country"] == ["CA", "US"] and told.actor == "user:admin"


def test_a_group_that_closed_opens_again_with_its_owner_when_an_order_fails_anew(
    admin_client, admin_user, stopped, run_flows, make_orders
):
    found = next(found for found in groups_of(KIND["policy"]) if found.count == 2)
    say = {"cause": found.cause, "owner": "admin", "note": "Canada", "title": found.title}
    admin_client.post("/attention/own/", say)
    apply_and_retry(admin_client, found, ship_to_country="US", customer_email="a@b.example")
    run_flows()
    assert found.cause not in {other.cause for other in groups_of(KIND["policy"])}

    make_orders(1, country="CA")
    run_flows()

    again = next(other for other in groups_of(KIND["policy"]) if other.cause == found.cause)
    assert again.count == 1
    assert "admin cares for it: Canada" in cause_page(admin_client, again)


def test_orders_that_still_fail_stay_in_their_group(admin_client, stopped, run_flows):
    found = next(found for found in groups_of(KIND["policy"]) if found.count == 2)
    apply_and_retry(admin_client, found, ship_to_country="US")
    run_flows()

    (left,) = groups_of(KIND["policy"])  # now for their contact only, with the third
    assert (left.count, left.detail) == (3, "Header is complete: Contact is given")


def test_a_credit_hold_is_taken_off_and_the_orders_go_on(
    admin_client, publish, make_orders, run_flows, django_assert_max_num_queries
):
    publish(check("credit"), policies=[CREDIT])
    held = Customer.objects.create(code="C1", name="Acme", credit_hold=True)
    (order,) = make_orders(1, customer_code="C1")
    run_flows()

    preview, job = apply_and_retry(admin_client, group())
    run_flows()

    assert "take the customer off credit hold" in preview
    assert (job.changed, groups_of(KIND["policy"])) == (1, [])
    held.refresh_from_db()
    assert not held.credit_hold
    assert OrderNote.objects.filter(order=order, text="Acme was taken off credit hold.").exists()


def test_a_credit_hold_of_the_order_is_released_with_that_of_the_customer(
    admin_client, make_orders, run_flows
):
    Customer.objects.create(code="C1", name="Acme", credit_hold=True)
    (order,) = make_orders(1, customer_code="C1")
    hold_orders([order.pk], type="credit", reason="limit", actor="test")

    _, job = apply_and_retry(admin_client, group("hold"))

    assert (job.changed, groups_of(KIND["hold"])) == (1, [])
    assert not Hold.objects.active().exists()
    assert not Customer.objects.filter(credit_hold=True).exists()


def test_lines_without_stock_are_sourced_again_where_a_person_says(
    admin_client, world, publish, make_orders, run_flows
):
    publish([{"kind": "action", "key": "source", "name": "Source", "action": "send_to_dom"}])
    stores = SourceList.objects.create(key="stores", name="Stores")
    stores.sources.add(world["sources"]["ST-CHI"])
    levels = [
        StockLevel(p.pk, s.pk, 0) for p in world["products"].values() for s in world["sources"].values()
    ]
    set_on_hand(levels, actor="test", reason="count")
    (order,) = make_orders(1)
    run_flows()
    found = group("step")
    assert found.filter["code"] == "not_sourced"
    levels = [
        StockLevel(p.pk, s.pk, 50) for p in world["products"].values() for s in world["sources"].values()
    ]
    set_on_hand(levels, actor="test", reason="count")

    apply_and_retry(admin_client, found, source_list="stores")
    run_flows()

    assert groups_of(KIND["step"]) == []
    assert set(OrderLine.objects.filter(order=order).values_list("source__code", "source_list")) == {
        ("ST-CHI", "stores")
    }


def stock(world, count):
    levels = [
        StockLevel(p.pk, s.pk, count) for p in world["products"].values() for s in world["sources"].values()
    ]
    set_on_hand(levels, actor="test", reason="count")


def test_lines_without_stock_are_sourced_from_the_one_source_that_a_person_names(
    admin_client, world, publish, make_orders, run_flows
):
    publish([{"kind": "action", "key": "source", "name": "Source", "action": "send_to_dom"}])
    stock(world, 0)
    (order,) = make_orders(1)
    run_flows()
    found = group("step")
    assert '<option value="ST-CHI">' in cause_page(admin_client, found)
    stock(world, 50)

    preview, job = apply_and_retry(admin_client, found, source="ST-CHI")
    run_flows()

    assert "source from ST-CHI and nowhere else" in preview
    assert (job.changed, groups_of(KIND["step"])) == (1, [])
    line = OrderLine.objects.filter(order=order).first()
    assert (line.source.code, line.source_is_assigned, line.source_list) == ("ST-CHI", True, "")


def test_a_line_whose_named_source_ran_dry_is_sourced_from_anywhere_again(
    admin_client, world, publish, make_orders, run_flows
):
    publish([{"kind": "action", "key": "source", "name": "Source", "action": "send_to_dom"}])
    stock(world, 0)
    (order,) = make_orders(1, lines=[("A", 2)])
    run_flows()
    stock(world, 50)
    send_to_source([order.pk], source=world["sources"]["ST-CHI"], actor="test")
    stock(world, 0)
    repair_jobs.start("retry", group("step").filter, actor="test")  # the store has sold out meanwhile
    repair_jobs.work()
    run_flows()
    line = OrderLine.objects.get(order=order)
    assert (line.source.code, line.state_reason) == ("ST-CHI", "not_sourced")
    set_on_hand(
        [StockLevel(line.product_id, world["sources"]["DC-CMH"].pk, 50)], actor="test", reason="count"
    )

    _, job = apply_and_retry(admin_client, group("step"), source_list="")
    run_flows()

    line = OrderLine.objects.get(order=order)
    assert (job.changed, line.source.code, line.source_is_assigned) == (1, "DC-CMH", False)
    changes = BusinessEvent.objects.filter(order=order, kind="order.changed").order_by("pk").last().payload
    assert {"line 1 source": ["ST-CHI", ""]} in changes.values()
    assert direct_lines([order.pk], source_list="", actor="test").changed == []


def test_a_source_that_cannot_is_refused_order_by_order_and_nothing_changes(world, make_orders):
    stock(world, 5)
    first, second, third = make_orders(3, lines=[("A", 4)])
    OrderLine.objects.filter(order=third).update(method="drop_ship")
    store = world["sources"]["ST-CHI"]
    ids = [first.pk, second.pk, third.pk]

    outcome = send_to_source(ids, source=store, actor="test")

    assert outcome.changed == [first.pk]
    assert outcome.refused == {
        second.pk: "ST-CHI has 1 of A left for this order, which wants 4.",
        third.pk: "ST-CHI cannot bring line 1: drop-ship does not start at a store.",
    }
    assert set(OrderLine.objects.exclude(order=first).values_list("source", flat=True)) == {None}
    assert send_to_source([first.pk], source=store, actor="test").changed == []  # again changes nothing

    type(store).objects.filter(pk=store.pk).update(active=False)
    refused = send_to_source(ids, source=store, actor="test").refused
    assert refused == dict.fromkeys(ids[1:], "ST-CHI is not active.")
    with pytest.raises(BadFix, match="ST-CHI is not active; choose another source"):
        mending.check({"kind": "source", "source": "ST-CHI"}, "token")


def test_sending_many_orders_to_a_source_costs_the_queries_of_one(world, make_orders):
    stock(world, 1000)
    counts = set()
    for count in (1, 40):
        ids = [order.pk for order in make_orders(count, lines=[("A", 1)])]
        with CaptureQueriesContext(connection) as queries:
            assert send_to_source(ids, source=world["sources"]["DC-RNO"], actor="test").changed == ids
        counts.add(len(queries))
    assert len(counts) == 1


def test_an_unknown_product_is_mapped_and_the_messages_are_replayed(admin_client, world):
    shop = ProviderConnection.objects.create(key="shop", name="Shop", provider="billing", status="active")
    for n in range(2):
        InboxMessage.objects.create(
            connection=shop, external_message_id=f"m{n}", topic="order.new", body=b"{}", state="parked", code="unknown_sku",
            reason="There is no product LAMP-9.", received_at=timezone.now(),
        )  # fmt: skip
    page = cause_page(admin_client, group("inbound"))
    assert 'name="mend.sku" value="LAMP-9"' in page

    preview, job = apply_and_retry(admin_client, group("inbound"), sku="LAMP-9", product="A")

    assert "take LAMP-9 for A" in preview
    assert (job.changed, groups_of(KIND["inbound"])) == (2, [])
    known = Product.objects.get(sku="LAMP-9")
    assert (known.active, known.substitute.sku) == (False, "A")
    assert stand_in("LAMP-9", product_sku="A") is False


def test_an_order_for_a_mapped_product_gets_ours(world, make_orders):
    stand_in("LAMP-9", product_sku="A")
    (order,) = make_orders(1, lines=[("LAMP-9", 2)])

    line = OrderLine.objects.get(order=order)
    assert (line.sku, line.is_substitute, line.requested_sku) == ("A", True, "LAMP-9")


@pytest.mark.parametrize(
    "sku, product, words",
    [
        ("A", "B", "A is sold here; it needs no substitute."),
        ("X", "none", "There is no active product none."),
        ("", "A", "The SKU must have from 1 to 64 characters."),
    ],
)
def test_a_bad_mapping_is_refused(world, sku, product, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        stand_in(sku, product_sku=product)


@pytest.mark.parametrize(
    "fix, target, words",
    [
        ({"kind": "magic"}, "token", "There is no such fix."),
        ({"kind": "order"}, "token", "Say what the orders should have instead."),
        ({"kind": "order", "total_minor": 5}, "token", "total_minor cannot be edited."),
        ({"kind": "order", "ship_to_country": "XX"}, "token", "XX"),
        ({"kind": "order", "ship_to_city": "Bonn"}, "message", "This fix does not help here."),
        ({"kind": "source", "source_list": "none"}, "token", "There is no source list “none” with sources."),
        ({"kind": "source", "source": "none"}, "token", "There is no fulfillment source “none”."),
        ({"kind": "source", "source": 5}, "token", "There is no fulfillment source “5”."),
        ({"kind": "source", "source": "A", "source_list": "B"}, "token", "Choose a source list or one source, not both."),
        ({"kind": "credit", "customer": 5}, "token", "This fix takes no values."),
        ({"kind": "product", "sku": "", "product": "A"}, "message", "Say which SKU it is and which of our products it means."),
    ],
)  # fmt: skip
def test_a_bad_fix_is_refused_before_anything_is_touched(stopped, fix, target, words):
    with pytest.raises(BadFix, match=re.escape(words)):
        mending.check(fix, target)
    if target == "token":
        with pytest.raises(BadFix):
            repair_jobs.start("retry", {}, actor="user:ann", fix=fix)
        assert not RepairJob.objects.exists()


@pytest.mark.parametrize("sent", [{"fix": "{"}, {"fix": "[1]"}, {"mend": "magic"}, {"mend": "order"}, {"fix": '{"kind": "credit", "x": 1}'}])  # fmt: skip
def test_a_form_that_was_tampered_with_is_told_what_is_wrong(admin_client, stopped, sent):
    asked = {"action": "retry", "filter": json.dumps({"code": "policy_failed"}), **sent}
    answer = admin_client.get(f"/repairs/new/?{urlencode(asked)}")

    assert answer.status_code == 400
    assert "cannot be repaired so" in answer.content.decode()
    admin_client.post("/repairs/start/", asked)
    assert not RepairJob.objects.exists()


def test_who_may_not_edit_orders_is_offered_no_form_and_may_send_none(client, stopped):
    user = User.objects.create_user("sue", password="secret", is_staff=True)
    for name in ("orders.view_order", "orchestration.view_flowrun", "orchestration.repair_run"):
        label, codename = name.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=label, codename=codename))
    client.force_login(user)
    found = groups_of(KIND["policy"])[0]

    assert "Correct the orders" not in cause_page(client, found)
    asked = {
        "action": "retry",
        "filter": found.filter_text,
        "fix": json.dumps({"kind": "order", "ship_to_country": "US"}),
    }
    assert client.get(f"/repairs/new/?{urlencode(asked)}").status_code == 403
    assert client.post("/repairs/start/", asked).status_code == 403
    assert not RepairJob.objects.exists()


def test_an_order_that_cannot_be_edited_any_more_is_refused_and_not_retried(stopped):
    Order.objects.filter(pk=stopped[0].pk).update(state="completed")
    fix = {"kind": "order", "ship_to_country": "US"}
    repair_jobs.start("retry", {"code": "policy_failed"}, actor="user:ann", fix=fix)
    repair_jobs.work()

    refused = RepairRow.objects.get(changed=False)
    assert (refused.order_id, refused.sentence) == (
        stopped[0].pk,
        f"{stopped[0].number} cannot be edited any more.",
    )
    assert StepRun.objects.get(run__order=stopped[0]).state == "failed"


def test_mending_costs_the_same_queries_for_one_order_as_for_many(make_orders):
    SourceList.objects.create(key="near", name="Near")
    Customer.objects.create(code="C1", name="Acme", credit_hold=True)
    counts = {}
    for count in (1, 40):
        ids = [order.pk for order in make_orders(count, country="CA", customer_code="C1")]
        Customer.objects.update(credit_hold=True)
        for name, act in (
            ("change", lambda ids: change_orders(ids, changes={"customer_email": "a@b.example", "ship_to_country": "US"}, actor="test")),
            ("credit", lambda ids: free_customers(ids, actor="test")),
            ("lines", lambda ids: direct_lines(ids, source_list="near", actor="test")),
        ):  # fmt: skip
            with CaptureQueriesContext(connection) as queries:
                assert act(ids).changed == ids
            assert act(ids).changed == []  # again changes nothing
            counts.setdefault(name, set()).add(len(queries))
    assert {name: len(found) for name, found in counts.items()} == {"change": 1, "credit": 1, "lines": 1}


def test_a_bad_value_changes_no_order(make_orders):
    (order,) = make_orders(1)
    with pytest.raises(InvalidChange):
        change_orders([order.pk], changes={"ship_to_country": "XX", "customer_name": "Ann"}, actor="test")

    assert Order.objects.get(pk=order.pk).customer_name == order.customer_name


def test_a_hold_that_the_flow_placed_offers_what_its_check_looked_at(
    admin_client, publish, make_orders, run_flows
):
    stop = {
        "kind": "action",
        "key": "stop",
        "name": "Stop",
        "action": "hold",
        "parameters": {"type": "validation", "go_to": "check"},
    }
    flow = [
        *check("complete"),
        {"kind": "condition", "key": "valid", "name": "Valid?", "yes": [], "no": [stop]},
    ]
    publish(flow, policies=[COMPLETE])
    (order,) = make_orders(1, country="CA")
    run_flows()
    page = cause_page(admin_client, group("hold"))
    assert "Header is complete: Country is US" in page
    assert 'name="mend.ship_to_country" value="CA"' in page and "mend.ship_to_city" not in page

    _, job = apply_and_retry(admin_client, group("hold"), ship_to_country="US", customer_email="a@b.example")
    run_flows()

    assert (job.changed, groups_of(KIND["hold"])) == (1, [])
    assert FlowRun.objects.get(order=order).state == "done"


def test_a_validation_hold_for_credit_is_mended_at_the_customer(
    admin_client, publish, make_orders, run_flows
):
    Customer.objects.create(code="C1", name="Acme", credit_hold=True)
    parameters = {"type": "validation", "go_to": "check"}
    stop = {"kind": "action", "key": "stop", "name": "Stop", "action": "hold", "parameters": parameters}
    valid = {"kind": "condition", "key": "valid", "name": "Valid?", "yes": [], "no": [stop]}
    publish([*check("credit"), valid], policies=[CREDIT])
    make_orders(1, customer_code="C1")
    run_flows()

    apply_and_retry(admin_client, group("hold"))
    run_flows()

    assert groups_of(KIND["hold"]) == []
    assert FlowRun.objects.get().state == "done"
