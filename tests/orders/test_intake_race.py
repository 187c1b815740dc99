from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from orders.models import BusinessEvent, Order, OrderLine
from orders.services.intake import create_orders


@pytest.mark.postgres
@pytest.mark.skipif("connection.vendor != 'postgresql'")
@pytest.mark.django_db(transaction=True)
def test_eight_callers_make_each_order_once(make_draft):
    drafts = [make_draft() for _ in range(20)]
    start = Barrier(8)

    def call(turn):
        mine = drafts[turn:] + drafts[:turn]
        start.wait()
        try:
            return [answer.result for answer in create_orders(mine, actor=f"caller {turn}")]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        results = [result for answers in pool.map(call, range(8)) for result in answers]

    assert (results.count("created"), results.count("existing")) == (20, 140)
    assert (Order.objects.count(), OrderLine.objects.count()) == (20, 60)
    assert BusinessEvent.objects.filter(kind="order.new").count() == 20
