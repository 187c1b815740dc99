import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orders.services.cancellation import cancel_orders
from orders.services.editing import orchestrate_orders, set_tags
from orders.services.holds import hold_orders, release_holds
from orders.services.intake import create_orders

pytestmark = pytest.mark.django_db


def test_a_batch_takes_as_many_queries_as_one(make_draft, settings):
    settings.IOM = settings.IOM | {"ON_EVENTS": []}  # the listeners are other floors'
    ids = sorted(row.order_id for row in create_orders([make_draft() for _ in range(201)], actor="test"))
    services = [
        lambda batch: orchestrate_orders(batch, actor="a"),
        lambda batch: set_tags(batch, names=["vip"], actor="a"),
        lambda batch: hold_orders(batch, type="manual", reason="", actor="a"),
        lambda batch: release_holds(batch, actor="a"),
        lambda batch: cancel_orders(batch, actor="a", reason=""),
    ]

    for service in services:
        counts = []
        for batch in (ids[:1], ids[1:]):
            with CaptureQueriesContext(connection) as queries:
                assert service(batch).changed == batch
            counts.append(len(queries))
        assert counts[0] == counts[1]
