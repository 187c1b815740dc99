"""The builder: edits of the tree as functions, and the same by plain form posts."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from orchestration.models import Policy, ValueList
from orchestration.policies import editing
from orchestration.policies.fields import RELATIONS
from orchestration.services import policies as drafts
from orders.definitions import sync

A, B, C = ({"field": "total_minor", "op": "greater", "value": n} for n in (1, 2, 3))
TREES = [
    {},
    A,
    {"all": [A, {"any": [B, {"not": C}]}]},
    {"not": {"any": [A, B]}},
    {"related": "lines", "match": "all", "where": {"field": "quantity", "op": "at_least", "value": 2}},
    {"related": "lines", "aggregate": "sum", "field": "quantity", "op": "at_least", "value": 2},
    {"related": "tags", "aggregate": "count", "op": "equals", "value": 0},
    {"field": "ship_to_country", "op": "in", "value": ["US", "CA"]},
    {"field": "ship_to_country", "op": "in_list", "list": "served"},
    {"field": "placed_at", "op": "older_than", "value": {"amount": 2, "unit": "days"}},
    {"field": "is_manual", "op": "equals", "value": True},
    {"field": "customer.group", "op": "has_data"},
    {"field": "total_minor", "op": "between", "value": [5, 9]},
    {"field": "total_minor", "op": "greater", "other": "goods_minor"},
    {"field": "total_minor", "op": "greater", "value": 500000, "currency": "USD"},
    {"field": "total_minor", "op": "between", "value": [1200345, 99900000], "currency": "KWD"},
    {"field": "total_minor", "op": "not_in", "value": [5000000, 7], "currency": "JPY"},
    {"field": "total_minor", "op": "has_data"},
    {
        "related": "lines",
        "aggregate": "sum",
        "field": "amount_minor",
        "op": "at_least",
        "value": 5,
        "currency": "EUR",
    },
    {"related": "lines", "aggregate": "sum", "field": "amount_minor", "op": "at_least", "value": 5},
]


UNSOUND = [
    {"field": "total_minor", "op": "greater", "value": "5.001", "currency": "USD"},
    {"field": "total_minor", "op": "in_list", "list": "limits"},
]


@pytest.mark.parametrize("tree", [*TREES, *UNSOUND], ids=str)
def test_a_tree_goes_into_the_form_and_out_again_unchanged(tree):
    assert editing.to_tree(editing.from_tree(tree), "order", RELATIONS) == tree


def values(node):
    return [values(part) if "parts" in part else part["value"] for part in node["parts"]]


@pytest.mark.parametrize(
    "verb, place, picked, after",
    [
        ("remove", (0,), (), ["2", ["3"]]),
        ("duplicate", (1,), (), ["1", "2", "2", ["3"]]),
        ("up", (1,), (), ["2", "1", ["3"]]),
        ("up", (0,), (), ["1", "2", ["3"]]),
        ("down", (2,), (), ["1", "2", ["3"]]),
        ("wrap", (0,), (), [["1"], "2", ["3"]]),
        ("unwrap", (2,), (), ["1", "2", "3"]),
        ("unwrap", (0,), (), ["1", "2", ["3"]]),
        ("gather", (), ((0,), (2,)), [["1", ["3"]], "2"]),
        ("row", (2,), (), ["1", "2", ["3", ""]]),
        ("group", (), (), ["1", "2", ["3"], [""]]),
        ("remove", (9, 9), (), ["1", "2", ["3"]]),
        ("explode", (0,), (), ["1", "2", ["3"]]),
    ],
)
def test_an_edit_of_the_tree(verb, place, picked, after):
    root = editing.group(
        "all",
        [editing.row(value="1"), editing.row(value="2"), editing.group("any", [editing.row(value="3")])],
    )

    assert values(editing.edited(root, verb, place, picked)) == after
    assert values(root) == ["1", "2", ["3"]]


@pytest.fixture
def made(admin_client):
    sync()
    admin_client.post("/policies/new/", {"name": "Big orders", "type": "execution", "entity": "order"})
    return Policy.objects.get()


def press(client, policy, do, **fields):
    policy.refresh_from_db()
    data = {
        "stamp": drafts.stamp_of(policy),
        "do": do,
        **{name.replace("__", ":"): v for name, v in fields.items()},
    }
    answer = client.post(f"/policies/{policy.pk}/edit/", data)
    assert answer.status_code == 302
    return policy.rules.get()


def test_a_rule_is_built_tried_and_published_by_forms(admin_client, made, make_orders):
    (order,) = make_orders(price="2000")
    press(admin_client, made, "row r0")
    press(
        admin_client,
        made,
        "action a0",
        **{"r0.0:field": "total", "r0.0:op": "at_least", "r0.0:value": "5,000.00"},
    )
    rule = press(
        admin_client,
        made,
        "save",
        **{"a0.0:what": "hold", "a0.0:value": "fraud", "a0.0:reason": "big", "r0:name": "Big"},
    )

    assert rule.condition == {"field": "total_minor", "op": "at_least", "value": 500000, "currency": "USD"}
    assert rule.actions == [{"hold": "fraud", "reason": "big"}]
    page = admin_client.get(f"/policies/{made.pk}/", {"orders": order.number}).content.decode()
    assert "Big: When total is at least 5,000.00 USD, hold the order (fraud) because “big”." in page
    assert "✓ holds" in page and "(total is 6,000.00 USD)" in page
    page = admin_client.get(f"/policies/{made.pk}/", {"try": "lately"}).content.decode()
    assert "1 of 1 pass" in page
    admin_client.post(f"/policies/{made.pk}/publish/")
    press(admin_client, made, "save", **{"r0.0:value": "10,000", "r0.0:currency": "USD"})
    page = admin_client.get(f"/policies/{made.pk}/").content.decode()
    assert Policy.objects.get().status == "published"
    assert "became “When total is at least 10,000.00 USD" in page
    assert "Big orders" in admin_client.get("/policies/").content.decode()


def test_a_fault_is_shown_beside_and_publishing_is_refused(admin_client, made):
    press(admin_client, made, "row r0")
    page = admin_client.get(f"/policies/{made.pk}/").content.decode()

    assert "Problems" in page and "is no field of order" in page
    admin_client.post(f"/policies/{made.pk}/publish/")
    assert Policy.objects.get().status == "unpublished"


def test_a_stale_form_changes_nothing(admin_client, made):
    answer = admin_client.post(f"/policies/{made.pk}/edit/", {"stamp": "then", "do": "row r0"}, follow=True)

    assert "changed by somebody else" in answer.content.decode()
    assert made.rules.get().condition == {}


def test_export_and_import_are_a_round_trip(admin_client, made):
    ValueList.objects.create(key="served", name="Served", values=["US"])
    rules = [{"name": f"R{n}", "condition": tree, "actions": []} for n, tree in enumerate(TREES)]
    made.refresh_from_db()
    drafts.save_policy(made.pk, stamp=drafts.stamp_of(made), head=drafts.draft_of(made), rules=rules)
    exported = admin_client.get(f"/policies/{made.pk}/export/").content
    made.rules.all().delete()
    made.delete()
    ValueList.objects.all().delete()

    answer = admin_client.post("/policies/new/", {"file": SimpleUploadedFile("p.json", exported)})

    assert answer.status_code == 302
    assert drafts.export_policy(Policy.objects.get()) == json.loads(exported)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema": 1, "policy": {"key": "a", "rules": 5}}', "[" * 100_000]
)
def test_a_strange_file_is_refused(admin_client, db, text):
    answer = admin_client.post(
        "/policies/new/", {"file": SimpleUploadedFile("p.json", text.encode() or b" ")}, follow=True
    )

    assert "no policy that was exported here" in answer.content.decode()
    assert not Policy.objects.exists()
