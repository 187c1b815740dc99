"""Rings every bell from time to time, so that a lost one costs seconds and a living cluster always has something to finish."""

from datetime import timedelta

from django.conf import settings
from django.db import Error, close_old_connections, connection
from django.utils import timezone
from django_q.conf import Conf
from django_q.models import OrmQ
from django_q.tasks import async_task
from structlog import get_logger

log = get_logger(__name__)
ROUNDS_WAITING = 2  # more bells than this would only wait behind each other


def ring_all() -> bool:
    """Queue one task of each kind unless enough wait already; False when the database did not answer."""
    close_old_connections()
    try:
        if _waiting() < ROUNDS_WAITING * len(settings.IOM["BELLS"]):
            for kind, task in settings.IOM["BELLS"].items():
                async_task(task, task_name=f"net:{kind}", group="bell", save=False)
        return True
    except Error as error:
        log.warning("bells.database_away", error=str(error)[:200])
        connection.close()
        return False


def _waiting() -> int:
    """Bells that nobody took yet; one that was taken is locked until `retry` is over."""
    free_since = timezone.now() - timedelta(seconds=Conf.RETRY)
    return OrmQ.objects.filter(lock__lte=free_since).count()
