"""Statements that the server plans once a connection: for the few that cost more to plan than to run.

PostgreSQL only; elsewhere they run as any other. Which of a statement's values have which type must not change from call
to call, so cast each of them in the text. Behind a pooler that hands each transaction another connection and cannot follow
prepared statements (PgBouncer before 1.21), set IOM_PREPARED_STATEMENTS=0.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection
from django.db.backends.utils import CursorWrapper

AT_ONCE = 0  # how often a statement runs before it is prepared


@contextmanager
def cursor() -> Iterator[CursorWrapper]:
    """A cursor like `connection.cursor()`, counted and logged alike, that prepares what it executes."""
    if not settings.PREPARED_STATEMENTS or connection.vendor != "postgresql":
        with connection.cursor() as plain:
            yield plain
        return
    from psycopg import Cursor  # the driver is there where the database is PostgreSQL

    connection.ensure_connection()
    driver = connection.connection
    wrapped = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    before, driver.prepare_threshold = driver.prepare_threshold, AT_ONCE
    try:
        with wrapped(Cursor(driver)) as preparing:
            yield preparing
    finally:
        driver.prepare_threshold = before
