"""django-q2's queue in our database, with a key for each kind of bell: one that nobody took yet needs no second beside it."""

from time import sleep

from django.conf import settings
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.models import OrmQ


class Bells(ORM):
    """The oldest first, whatever its kind."""

    def dequeue(self) -> list[tuple[int, str]] | None:
        rows = self.get_connection()
        free = list(rows.filter(key__in=_keys(), lock__lt=timezone.now()).order_by("lock", "pk")[: Conf.BULK])
        if not free:
            sleep(Conf.POLL)
            return None
        return [
            (row.pk, row.payload)
            for row in free
            if rows.filter(pk=row.pk, lock=row.lock).update(lock=self.timeout(row))
        ]


def key_of(kind: str) -> str:
    return f"{Conf.CLUSTER_NAME}:{kind}"


def _keys() -> list[str]:
    return [Conf.CLUSTER_NAME, *(key_of(kind) for kind in settings.IOM["BELLS"])]


def is_waiting(kind: str) -> bool:
    """Whether a bell of this kind is still to be taken. Who takes it looks after now, so it sees what is there now."""
    return OrmQ.objects.filter(key=key_of(kind), lock__lte=timezone.now()).exists()
