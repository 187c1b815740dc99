"""Queries that are compiled once: they answer as the ORM does, whatever was asked before."""

from datetime import timedelta

import pytest
from django.utils import timezone

from iom.lib import prepared
from orders.models import ApiKey

pytestmark = pytest.mark.django_db
KEYS = prepared.Query(
    lambda: (
        ApiKey.objects.filter(prefix="")
        .filter(name__gt="")
        .order_by("name")
        .values_list("name", "scopes", "expires_at", "channels")
    )
)


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
    with pytest.raises(TypeError, match="2 places, not 1"):
        KEYS("aa")
