"""Tokens that a claim shows with each write. They say which life of a cluster and which of its workers made the claim.

So when a cluster was killed because one of its workers died, its claims are known, and who is not to blame for the death.
"""

import os
from datetime import timedelta
from secrets import randbits

from django.db.models import F, Model, Q, QuerySet
from django.db.models.functions import Now

LIFE = "IOM_LIFE"
LONGEST_REST = 30  # seconds
LIFE_BITS, PID_BITS, CHANCE_BITS = 20, 22, 20  # 62: what a column of 64 holds, without the sign
_life = int(os.environ.get(LIFE, 0))


def begin_life() -> int:
    """A new life for this process and all that it forks."""
    global _life
    _life = randbits(LIFE_BITS) | 1
    return _life


def draw() -> int:
    """A token that nobody else holds; never 0."""
    life = _life or randbits(LIFE_BITS) | 1
    return life << PID_BITS + CHANCE_BITS | _worker() << CHANCE_BITS | randbits(CHANCE_BITS)


def _worker(pid: int | None = None) -> int:
    return (os.getpid() if pid is None else pid) % (1 << PID_BITS)


def give_back(model: type[Model], life: int, suspect: int | None) -> int:
    """What a life that is certainly over had claimed is free at once; an attempt counts only against the suspect's pid.

    What the suspect had waits the longer the more often its worker died: deaths from outside come in quick succession,
    and are not to hit the same record each time.
    """
    held = _held_by(model, life)
    if suspect is not None:
        blamed = Q(worker=_worker(suspect))
        for deaths in set(held.filter(blamed).values_list("attempts", flat=True)):
            rests = timedelta(seconds=min(deaths**2, LONGEST_REST))
            held.filter(blamed, attempts=deaths).update(lease_until=Now() + rests)
        held = held.exclude(blamed)
    return held.filter(attempts__gt=0).update(lease_until=Now(), attempts=F("attempts") - 1)


def _held_by(model: type[Model], life: int) -> QuerySet:
    worker = F("claimed_by").bitrightshift(CHANCE_BITS).bitand((1 << PID_BITS) - 1)
    low = life << PID_BITS + CHANCE_BITS
    span = (low, low + (1 << PID_BITS + CHANCE_BITS) - 1)
    claimed = model._default_manager.filter(
        due_at__isnull=False, lease_until__gt=Now(), claimed_by__range=span
    )
    return claimed.annotate(worker=worker)
