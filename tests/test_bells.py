"""Bells of a kind coalesce in the queue itself, over all processes; what was taken does not count."""

import pytest
from django.conf import settings
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.models import OrmQ

from iom.lib import bell, queue

pytestmark = pytest.mark.django_db
TASK = settings.IOM["BELLS"]["deliver"]


def test_a_bell_that_waits_needs_no_second():
    for _ in range(3):
        bell.ring_at_once("deliver", TASK)
    bell.ring_at_once("inbox", settings.IOM["BELLS"]["inbox"])
    assert sorted(OrmQ.objects.values_list("key", flat=True)) == [
        queue.key_of("deliver"),
        queue.key_of("inbox"),
    ]


def test_one_that_was_taken_is_followed_by_the_next():
    """Who took it may have looked before the news was there."""
    bell.ring_at_once("deliver", TASK)
    ((taken, _),) = get_broker().dequeue()
    assert not queue.is_waiting("deliver")
    bell.ring_at_once("deliver", TASK)
    assert OrmQ.objects.filter(lock__lte=timezone.now()).exclude(pk=taken).count() == 1


def test_the_oldest_is_heard_first():
    for kind in ("sweep", "inbox", "advance"):
        bell.ring_at_once(kind, settings.IOM["BELLS"][kind])
    broker = get_broker()
    heard = [broker.dequeue()[0][0] for _ in range(3)]
    assert heard == list(OrmQ.objects.order_by("pk").values_list("pk", flat=True))
    assert broker.dequeue() is None
