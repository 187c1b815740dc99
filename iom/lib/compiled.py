"""Queries of the ORM that are built and compiled once a process: for what every wave, or every request, asks again.

Building and compiling a query costs more than the server needs to answer it while few records are asked for.

    @compiled.query
    def open_rows(order_ids):
        return OrderLine.objects.filter(order_id__in=order_ids).values_list("pk", "state")

    open_rows({1, 2, 3})  # [(10, "new"), …]

PostgreSQL only; elsewhere, where a list of ids is as many placeholders, each call builds the query anew.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import update_wrapper
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from iom.lib import prepared
from iom.lib.database import COLLECTIONS

# What stands for a value while the query is compiled; nothing else in a query may be equal to one of these.
NUMBERS, WORDS = range(2_147_480_000, 2_147_480_100), "value {} of a compiled query"
MOMENT = datetime(9000, 1, 1, tzinfo=UTC)


class Query:
    """A query as a function of its values: whole numbers, texts, moments, or collections that go as one array.

    `make` gets the values and ends with `values_list`; it is called once, so what it does with them must not depend on
    which they are. Each of them has the same type in every call. A collection that is empty finds nothing: do not exclude
    by one; one that is a query itself is asked first. `planned`: the server plans it once a connection too; see `prepared`.
    """

    def __init__(self, make: Callable[..., QuerySet], *, planned: bool = False) -> None:
        self.make, self.planned = make, planned
        update_wrapper(self, make)

    def __call__(self, *values: Any) -> list[tuple]:
        """The rows."""
        values = tuple([list(value) if isinstance(value, QuerySet) else value for value in values])
        if any(isinstance(value, COLLECTIONS) and not value for value in values):
            return []
        if connection.vendor != "postgresql":
            return list(self.make(*values))
        if not hasattr(self, "_text"):
            self._compile(values)
        if len(values) != len(self._places):
            raise TypeError(f"the query has {len(self._places)} values, not {len(values)}")
        parameters = list(self._parameters)
        for value, (wrap, places) in zip(values, self._places, strict=True):
            for place in places:
                parameters[place] = wrap(value)
        with prepared.cursor() if self.planned else connection.cursor() as found:
            found.execute(self._text, parameters)
            rows = found.fetchall()
        if self._converters:
            return list(map(tuple, self._compiler.apply_converters(rows, self._converters)))
        return rows

    def _compile(self, values: tuple) -> None:
        samples = [_sample(n, value) for n, value in enumerate(values)]
        compiler = self.make(*samples).query.get_compiler(connection=connection)
        text, parameters = compiler.as_sql()
        self._places = [_place(parameters, sample) for sample in samples]
        if missed := [n for n, (_, places) in enumerate(self._places) if not places]:
            raise TypeError(f"value {missed[0]} does not reach the query as it is, or not as one array")
        columns = [column for column, _, _ in compiler.select[: compiler.col_count]]
        self._compiler, self._converters = compiler, compiler.get_converters(columns)
        self._parameters, self._text = parameters, text


query = Query


def _sample(n: int, value: Any) -> Any:
    if isinstance(value, COLLECTIONS):
        return [_sample(n, next(iter(value)))]
    if isinstance(value, datetime):
        return MOMENT + timedelta(seconds=n)
    return NUMBERS[n] if isinstance(value, int) else WORDS.format(n)


def _place(parameters: tuple, sample: Any) -> tuple[Callable[[Any], Any], list[int]]:
    """How a value is sent, and where it stands among the parameters."""
    if not isinstance(sample, list):
        wrap, sent = _same, sample
    elif isinstance(sample[0], int):
        wrap, sent = _numbers, _numbers(sample)
    else:
        wrap, sent = _unique, sample
    return wrap, [n for n, parameter in enumerate(parameters) if parameter == sent]


def _same(value: Any) -> Any:
    return value


def _numbers(values: Any) -> str:
    """As `database._OneArray` sends them."""
    return f"{{{','.join(map(str, dict.fromkeys(values)))}}}"


def _unique(values: Any) -> list:
    return list(dict.fromkeys(values))
