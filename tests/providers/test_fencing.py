"""What a dead cluster had in hand: free at once, and an attempt counts only against the worker that died first."""

import os
from datetime import timedelta

import pytest
from django.utils import timezone

from iom.lib import fencing
from providers.models import InboxMessage

pytestmark = pytest.mark.django_db


@pytest.fixture
def life(monkeypatch):
    monkeypatch.setattr(fencing, "_life", 0)
    return fencing.begin_life()


@pytest.fixture
def claimed(connect, monkeypatch):
    """A message claimed by a worker with this pid; what is left of it after."""
    connection = connect("threepl")

    def make(number: int, pid: int) -> InboxMessage:
        with monkeypatch.context() as patch:
            patch.setattr(os, "getpid", lambda: pid)
            token = fencing.draw()
        now = timezone.now()
        return InboxMessage.objects.create(
            connection=connection, external_message_id=f"m{number}", topic="order.shipped", body=b"{}", state="waiting",
            due_at=now, received_at=now, waiting_since=now, attempts=2, claimed_by=token,
            lease_until=now + timedelta(seconds=30),
        )  # fmt: skip

    return make


def left(message: InboxMessage) -> tuple[int, bool]:
    again = InboxMessage.objects.get(pk=message.pk)
    return again.attempts, again.lease_until > timezone.now()


def test_only_the_suspect_is_blamed_and_what_it_had_rests_a_while(life, claimed):
    poison, bystander = claimed(1, 4711), claimed(2, 4712)
    fencing.give_back(InboxMessage, life, 4711)
    assert (left(poison), left(bystander)) == ((2, True), (1, False))
    rests = InboxMessage.objects.get(pk=poison.pk).lease_until - timezone.now()
    assert timedelta(seconds=2) < rests <= timedelta(seconds=4)  # its second death, squared


def test_nobody_is_blamed_for_the_death_of_who_claims_nothing(life, claimed):
    one, other = claimed(1, 4711), claimed(2, 4712)
    fencing.give_back(InboxMessage, life, None)
    assert (left(one), left(other)) == ((1, False), (1, False))


def test_another_life_keeps_its_claims(life, claimed):
    held = claimed(1, 4711)
    fencing.give_back(InboxMessage, life ^ 2, 4711)
    assert left(held) == (2, True)
