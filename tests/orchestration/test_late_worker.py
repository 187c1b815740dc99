"""F18 on both databases: a worker that wakes up after its lease finds that its runs are another's, and writes nothing.

Frozen processes on PostgreSQL are in whole/test_two_at_once. On SQLite there is one writer at a time, so what is left to
promise is this: the token in the row, and the rows themselves, are looked at again before anything is written.
"""

from datetime import timedelta

import pytest
from django.utils import timezone

from orchestration.engine import advance, claim
from orchestration.models import FlowRun, StepResult, StepRun
from orders.models import BusinessEvent

pytestmark = pytest.mark.django_db
STEPS = [
    {"kind": "action", "key": "check", "name": "Check", "action": "validate_order_header"},
    {"kind": "action", "key": "wait", "name": "Wait", "action": "custom", "input_events": ["order.shipped"]},
]


def written() -> tuple:
    runs = FlowRun.objects.order_by("pk").values_list(
        "pk", "state", "due_at", "lease_until", "claimed_by", "attempts"
    )
    tokens = StepRun.objects.order_by("pk").values_list("pk", "step", "state")
    return list(runs), list(tokens), StepResult.objects.count(), BusinessEvent.objects.count()


@pytest.mark.parametrize("finished", [True, False], ids=["another has finished", "another has it in hand"])
def test_who_comes_back_after_its_lease_writes_nothing(publish, make_orders, finished):
    publish(STEPS)
    make_orders(3)
    late, runs = claim.claim(10)
    assert len(runs) == 3
    FlowRun.objects.update(lease_until=timezone.now() - timedelta(seconds=1), attempts=0)
    if finished:
        assert advance.advance() == 3
    else:
        assert len(claim.claim(10)[1]) == 3
    before = written()

    advance._work(runs, late)
    advance.park(runs[0], late, "worker_died", "It did not.")
    advance._failed(runs[1], late, ValueError("late"))
    advance._release(runs, late)

    assert written() == before
    assert (before[2] > 0) is finished
