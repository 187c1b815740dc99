"""Queries that are compiled once: they answer as the ORM does, whatever was asked before."""

from datetime import timedelta

import pytest
from django.utils import timezone

from iom.lib import compiled
from orchestration.policies.evaluate import evaluate
from orders.models import ApiKey, Hold, Order, OrderLine

pytestmark = pytest.mark.django_db
KEYS = compiled.Query(
    lambda prefix, after: (
        ApiKey.objects.filter(prefix=prefix, name__gt=after)
        .order_by("name")
        .values_list("name", "scopes", "expires_at", "channels")
    ),
    planned=True,
)


@compiled.query
def lines(order_ids, least, products):
    """Of these orders and products, with more units than that."""
    rows = OrderLine.objects.filter(order_id__in=order_ids, quantity__gt=least, product_id__in=products)
    return rows.order_by("pk").values_list("pk", "order__external_id", "unit_price")


@compiled.query
def open_holds(order_ids, since):
    rows = Hold.objects.filter(order_id__in=order_ids, placed_at__gte=since, released_at__isnull=True)
    return rows.order_by("pk").values_list("type")


def test_it_answers_as_the_orm_does(make_channel):
    bound = ApiKey.objects.create(
        name="bound", prefix="aa", scopes=["orders:read"], expires_at=timezone.now()
    )
    bound.channels.set([make_channel("one"), make_channel("two")])
    ApiKey.objects.create(name="free", prefix="bb", scopes=["*"])

    for prefix in ("aa", "bb", "none", "aa"):
        same = ApiKey.objects.filter(prefix=prefix, name__gt="").order_by("name")
        assert KEYS(prefix, "") == list(same.values_list("name", "scopes", "expires_at", "channels"))
    assert KEYS("aa", "bound") == []


def test_collections_of_any_kind_and_size(make_product, make_order):
    products = [make_product(f"P-{n}").pk for n in range(3)]
    orders = [make_order(*((f"P-{n}", 1 + n) for n in range(3)), external_id=f"X-{k}").pk for k in range(3)]

    for which, least, of in (
        (orders, 0, products),
        (set(orders[:1]), 1, dict.fromkeys(products)),
        (dict.fromkeys(orders), 2, {0: products[2]}.values()),
        ([*orders, *orders], 0, {1: 2}.keys()),
        (Order.objects.values_list("pk", flat=True), 0, products),
    ):
        rows = OrderLine.objects.filter(order_id__in=list(which), quantity__gt=least, product_id__in=list(of))
        asked = rows.order_by("pk").values_list("pk", "order__external_id", "unit_price")
        assert lines(which, least, of) == list(asked)


def test_of_nothing_there_is_nothing_and_nobody_is_asked(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert lines([], 0, [1]) == lines([1], 0, set()) == []


def test_moments(make_product, make_order):
    make_product("P-1")
    order = make_order(("P-1", 1))
    Hold.objects.create(order=order, type="manual", placed_by="test", placed_at=timezone.now())

    assert open_holds([order.pk], timezone.now() - timedelta(minutes=1)) == [("manual",)]
    assert open_holds([order.pk], timezone.now() + timedelta(minutes=1)) == []


def test_a_change_is_seen_at_once():
    ApiKey.objects.create(name="old", prefix="aa", scopes=[])
    assert KEYS("aa", "") == [("old", [], None, None)]

    ends = timezone.now() + timedelta(days=1)
    ApiKey.objects.filter(prefix="aa").update(name="new", expires_at=ends)

    assert KEYS("aa", "") == [("new", [], ends, None)]


def test_it_is_one_query(django_assert_num_queries):
    with django_assert_num_queries(1):
        KEYS("aa", "")


def test_the_number_of_values_is_that_of_its_places():
    KEYS("aa", "")
    with pytest.raises(TypeError):
        KEYS("aa")


@pytest.mark.postgres
def test_what_a_query_does_not_bind_as_one_array_is_refused():
    """Its number of placeholders would be that of the first call."""
    by_type = compiled.Query(lambda types: Hold.objects.filter(type__in=types).values_list("pk"))

    with pytest.raises(TypeError, match="one array"):
        by_type(["manual", "credit"])


def test_a_policy_about_the_present_follows_the_clock(make_product, make_order, monkeypatch):
    make_product("P-1")
    order = make_order(("P-1", 1))
    Order.objects.filter(pk=order.pk).update(promised_at=timezone.now() + timedelta(days=1))
    soon = {"field": "promised_at", "op": "within_next", "value": {"amount": 2, "unit": "days"}}
    policy = {"entity": "order", "combine": "all", "rules": [{"condition": {"any": [soon]}}]}

    before = evaluate(policy, [order.pk])[order.pk].passed
    later = timezone.now() + timedelta(days=5)
    monkeypatch.setattr(timezone, "now", lambda: later)

    assert (before, evaluate(policy, [order.pk])[order.pk].passed) == (True, False)
