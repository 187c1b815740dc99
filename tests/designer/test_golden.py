"""Golden orders: made by one click, tried by the test run, asked before a publish, carried along in files."""

import json

import pytest
from django.apps import apps

from inventory.models import InventoryPosition, Product
from inventory.services.stock import set_on_hand
from inventory.types import StockLevel
from orchestration.engine.advance import advance
from orchestration.errors import NotPublishable
from orchestration.models import Flow, GoldenOrder, Policy, ValueList
from orchestration.services import documents, golden, publishing
from orders.models import EventDefinition


def action(key, **more):
    return {"kind": "action", "key": key, "name": key.capitalize(), "action": "custom", **more}


STEPS = [
    {"kind": "action", "key": "check", "name": "Check", "action": "validate_order_header", "policies": ["served"]},
    {"kind": "splitter_merge", "key": "ways", "name": "Ways", "level": "order", "branches": [
        {"key": "shop", "name": "Shop", "filters": ["from-shop"], "steps": [action("greet")]},
        {"key": "rest", "name": "Rest", "otherwise": True, "steps": [action("file")]},
    ]},
    action("last"),
]  # fmt: skip


@pytest.fixture
def flow(known, make_policy):
    ValueList.objects.create(key="countries", name="Countries", values=["US", "CA"])
    make_policy(
        "served", {"field": "ship_to_country", "op": "in_list", "list": "countries"}, type="execution"
    )
    make_policy("from-shop", {"field": "channel.key", "op": "equals", "value": "web-shop"})
    draft = {"entry": {"events": ["order.new"], "filters": []}, "steps": STEPS}
    found = Flow.objects.create(key="demo", name="Demo", draft=draft)
    publishing.publish(found.pk, actor="test")
    return Flow.objects.select_related("live_version").get(pk=found.pk)


@pytest.fixture
def real(flow, make_order_of):
    order = make_order_of("web-shop")
    while advance():
        pass
    return order


def edited(flow, change):
    draft = json.loads(json.dumps(flow.draft))
    change(draft["steps"])
    Flow.objects.filter(pk=flow.pk).update(draft=draft)
    return Flow.objects.select_related("live_version").get(pk=flow.pk)


def test_a_real_order_becomes_a_fixture_with_its_path_and_without_its_buyer(flow, real):
    kept = golden.from_order(flow, real.pk, by="test")

    assert [(row["step"], row["results"], row["branches"]) for row in kept.expected["path"]] == [
        ("check", ["success"], []), ("ways", ["success"], ["shop"]), ("greet", ["success"], []), ("last", ["success"], []),
    ]  # fmt: skip
    assert (kept.expected["state"], kept.expected["standing"], kept.expected["sent"]) == (
        "in_progress",
        [],
        [],
    )
    assert "Ann" not in json.dumps(kept.document) and "Main St" not in json.dumps(kept.document)
    assert kept.document["ship_to"]["city"] == "Chicago"
    (checked,) = golden.check(flow, by="test")
    assert checked.differences == []


def test_a_changed_flow_is_told_in_words_and_refused_until_it_is_accepted(flow, real):
    golden.from_order(flow, real.pk, name="Shop order", by="test")
    Flow.objects.update(needs_golden=True)

    def change(steps):
        steps[1]["branches"][0]["filters"] = []
        steps[1]["branches"][0], steps[1]["branches"][1] = steps[1]["branches"][1], steps[1]["branches"][0]
        steps[1]["branches"][1]["steps"] = []
        del steps[2]

    flow = edited(flow, change)
    (checked,) = golden.check(flow, by="test")
    assert checked.differences == [
        "“Greet” is not in the flow any more; it was part of the path.",
        "“Last” is not in the flow any more; it was part of the path.",
    ]
    with pytest.raises(NotPublishable) as caught:
        publishing.publish(flow.pk, actor="test")
    assert caught.value.problems[0] == ("golden order Shop order", checked.differences[0])
    assert flow.versions.count() == 1

    golden.accept(GoldenOrder.objects.get(), by="test")
    assert publishing.publish(flow.pk, actor="test").number == 2


def test_without_the_setting_a_red_order_refuses_nothing(flow, real):
    golden.from_order(flow, real.pk, by="test")
    flow = edited(flow, lambda steps: steps.pop())

    assert publishing.publish(flow.pk, actor="test").number == 2


def test_another_branch_and_another_end_are_told(flow, real):
    golden.from_order(flow, real.pk, by="test")
    Policy.objects.get(key="served").rules.update(
        condition={"field": "ship_to_country", "op": "equals", "value": "FR"}
    )
    publishing.publish_policy(Policy.objects.get(key="served").pk, actor="test")

    (checked,) = golden.check(Flow.objects.get(pk=flow.pk), by="test")

    assert checked.differences[0] == "“Check” fails, where it succeeds."
    assert (
        "The order stops: “Check” needs attention, where it goes through to the end." in checked.differences
    )
    assert GoldenOrder.objects.get().last["differences"] == checked.differences


@pytest.mark.django_db(transaction=True)
def test_trying_writes_nothing_but_what_came_of_it(flow, real):
    golden.from_order(flow, real.pk, by="test")
    count = {m._meta.db_table: m._base_manager.count() for m in apps.get_models()}

    golden.check(flow, by="test")

    assert {m._meta.db_table: m._base_manager.count() for m in apps.get_models()} == count


def test_the_stock_travels_along_so_what_is_sold_today_changes_nothing(draft, channel, pasted, shop):
    flow = Flow.objects.get()
    kept = golden.from_document(flow, pasted(), name="Two lamps", choices={}, by="test")
    assert kept.expected["state"] == "completed"
    assert kept.stock == [["A", "3PL-DFW", 100]]
    product = Product.objects.get(sku="A")
    set_on_hand([StockLevel(product.pk, shop["3PL-DFW"].pk, 0)], actor="test", reason="sold")

    (checked,) = golden.check(flow, by="test")
    assert checked.differences == []
    assert InventoryPosition.objects.get().on_hand == 0
    # the control: without its stock the same order goes another way
    GoldenOrder.objects.update(stock=[])
    (checked,) = golden.check(flow, by="test")
    assert any("threepl.send is sent not at all instead of once" in text for text in checked.differences)


def test_what_a_provider_refused_is_kept_as_what_happens(draft, channel, pasted):
    flow = Flow.objects.get()
    kept = golden.from_document(
        flow, pasted(), name="Refused", choices={"failing": ["invoice-3pl"]}, by="test"
    )

    assert kept.expected["standing"] == [["invoice-3pl", "failed"]]
    assert golden.check(flow, by="test")[0].green


def test_lists_own_events_and_golden_orders_travel_in_the_file(flow, real):
    EventDefinition.objects.create(key="order.greeted", name="Greeted", entity="order")
    flow = edited(
        flow,
        lambda steps: steps[1]["branches"][0]["steps"][0].update(parameters={"raise_event": "order.greeted"}),
    )
    golden.from_order(flow, real.pk, by="test")
    Flow.objects.update(needs_golden=True)
    flow.refresh_from_db()
    first = publishing.export_flow(flow)
    assert [row["key"] for row in first["lists"]] == ["countries"]
    assert [row["key"] for row in first["events"]] == ["order.greeted"]
    GoldenOrder.objects.all().delete()
    ValueList.objects.all().delete()
    EventDefinition.objects.filter(shipped=False).delete()
    Flow.objects.update(draft={}, needs_golden=False)

    again = publishing.import_flow(documents.read(json.dumps(first)), actor="test")

    assert publishing.export_flow(again) == first
    assert golden.check(again, by="test")[0].green


def test_a_list_that_is_here_stays_and_that_is_said(flow):
    document = json.loads(json.dumps(publishing.export_flow(flow)))
    ValueList.objects.update(values=["US"])

    from orchestration.services import luggage

    assert luggage.differing(document) == [
        "The list “Countries” (countries) stays as it is here; the file has other values."
    ]
    publishing.import_flow(document, actor="test")
    assert ValueList.objects.get().values == ["US"]


@pytest.mark.parametrize(
    ("golden_orders", "where"),
    [
        ([{"key": "a"}], "golden_orders[0]"),
        ([{"key": "a", "name": "A", "document": {}, "stock": [["A", "B", -1]], "choices": {}, "expected": {}}], "golden_orders[0].stock[0][2]"),
    ],
)  # fmt: skip
def test_a_bad_golden_order_in_a_file_is_named(flow, golden_orders, where):
    document = {**publishing.export_flow(flow), "golden_orders": golden_orders}
    with pytest.raises(NotPublishable) as caught:
        documents.check(document)
    assert where in dict(caught.value.problems)


def test_a_key_used_twice_is_refused_and_nothing_changes(flow, real):
    golden.from_order(flow, real.pk, by="test")
    document = publishing.export_flow(flow)
    document["golden_orders"] *= 2

    with pytest.raises(NotPublishable):
        publishing.import_flow(document, actor="test")
    assert GoldenOrder.objects.count() == 1


def test_the_page_keeps_tries_accepts_and_deletes(client, boss, flow, real):
    address = f"/flows/{flow.pk}/golden/"
    assert "None yet" in client.get(address).content.decode()
    bad = client.post(f"{address}keep/", {"order": "nonsense", "next": address}, follow=True)
    assert "looks like SO-1042" in bad.content.decode()

    page = client.post(
        f"{address}keep/", {"order": real.number, "name": "Lamp", "next": address}, follow=True
    )
    assert "✓ as expected" in page.content.decode()
    flow = edited(flow, lambda steps: steps.pop())
    assert "not tried on this draft" in client.get(address).content.decode()
    page = client.post(f"{address}check/", {"next": address}, follow=True).content.decode()
    assert "1 difference" in page and "not in the flow any more" in page
    client.post(f"{address}need/", {"needed": "1", "next": address})
    revision = golden.digest(flow.draft)[:16]
    refused = client.post(f"/flows/{flow.pk}/publish/", {"revision": revision}).content.decode()
    assert "Golden order Lamp" in refused and flow.versions.count() == 1

    kept = GoldenOrder.objects.get()
    trial = client.get(f"/flows/{flow.pk}/test/?golden={kept.pk}").content.decode()
    assert "Lamp, with the stock that was kept along" in trial
    client.post(f"{address}{kept.pk}/", {"act": "accept", "next": address})
    assert "All 1 go as expected" in client.get(address).content.decode()
    client.post(f"{address}{kept.pk}/", {"act": "delete", "next": address})
    assert GoldenOrder.objects.count() == 0


def test_a_test_run_is_kept_from_its_page(client, boss, flow, real):
    sent = {"order": real.number, "events_happen": "on", "as_draft": "1", "name": "As it is", "next": f"/flows/{flow.pk}/golden/"}  # fmt: skip
    shown = client.post(
        f"/flows/{flow.pk}/test/", {"order": real.number, "events_happen": "on"}
    ).content.decode()
    assert "Keep as golden order" in shown

    page = client.post(f"/flows/{flow.pk}/golden/keep/", sent, follow=True).content.decode()

    assert "✓ as expected" in page and GoldenOrder.objects.get().name == "As it is"


def test_who_may_only_look_keeps_nothing(client, known, flow, real, django_user_model):
    from django.contrib.auth.models import Permission

    user = django_user_model.objects.create_user("viewer", password="x", is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__in=["view_flow", "view_order"]))
    client.force_login(user)

    assert client.get(f"/flows/{flow.pk}/golden/").status_code == 200
    assert client.post(f"/flows/{flow.pk}/golden/keep/", {"order": real.number}).status_code == 403
    assert GoldenOrder.objects.count() == 0
