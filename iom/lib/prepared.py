"""Statements that the server plans once a connection: for the few that cost more to plan than to run.

PostgreSQL only; elsewhere they run as any other. Which of a statement's values have which type must not change from call
to call, so cast each of them in the text. Behind a pooler that hands each transaction another connection and cannot follow
prepared statements (PgBouncer before 1.21), set IOM_PREPARED_STATEMENTS=0.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import QuerySet

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


class Query:
    """A query of the ORM as a function of its values: compiled once a process, planned once a connection.

    `make` builds it with samples of the values, a filter for each of them, and ends with `values_list`. For what every
    request asks.
    """

    def __init__(self, make: Callable[[], QuerySet]) -> None:
        self.make = make

    def __call__(self, *values: Any) -> list[tuple]:
        """The rows; `values` stand in the order of the filters."""
        compiler, text, places, converters = self._compiled
        if len(values) != places:
            raise TypeError(f"the query has {places} places, not {len(values)}")
        with cursor() as found:
            found.execute(text, values)
            rows = found.fetchall()
        return list(map(tuple, compiler.apply_converters(rows, converters))) if converters else rows

    @cached_property
    def _compiled(self) -> tuple:
        compiler = self.make().query.get_compiler(connection=connection)
        text, samples = compiler.as_sql()
        columns = [column for column, _, _ in compiler.select[: compiler.col_count]]
        return compiler, text, len(samples), compiler.get_converters(columns)
