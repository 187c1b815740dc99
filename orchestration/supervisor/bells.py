"""Rings every bell from time to time, so that a lost one costs seconds and a living cluster always has something to finish."""

from django.conf import settings
from django.db import Error, close_old_connections, connection
from structlog import get_logger

from iom.lib import bell

log = get_logger(__name__)


def ring_all() -> bool:
    """Queue one task of each kind unless one waits already; False when the database did not answer."""
    close_old_connections()
    try:
        for kind, task in settings.IOM["BELLS"].items():
            bell.ring_at_once(kind, task)
        return True
    except Error as error:
        log.warning("bells.database_away", error=str(error)[:200])
        connection.close()
        return False
