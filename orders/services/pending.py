"""Write-behind for one transaction of many steps: changes of the same row become one UPDATE, not one for each step.

Only inside `deferring()`. Nobody sees the difference: before any statement that names a table with changes and one of
their columns, these changes are written, and what is left is written at the end. The rows' orders must be locked.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import Model

from iom.lib import bulk
from orders.errors import ConcurrentChange


@dataclass(slots=True)
class _Changes:
    """Of one table: the values by row, the state each row had before, and which columns keep an earlier value."""

    values: dict[int, dict[str, Any]] = field(default_factory=dict)
    before: dict[int, str] = field(default_factory=dict)
    stamps: set[str] = field(default_factory=set)
    columns: set[str] = field(default_factory=set)


_deferred: ContextVar[dict[type[Model], _Changes] | None] = ContextVar("deferred_changes", default=None)


@contextmanager
def deferring() -> Iterator[None]:
    """Keep changes until they are looked for; on an error none is written, as the transaction rolls back anyway."""
    if _deferred.get() is not None:
        yield
        return
    token = _deferred.set({})
    try:
        with connection.execute_wrapper(_before_statement):
            yield
            while deferred := _deferred.get():
                _flush(next(iter(deferred)))
    finally:
        _deferred.reset(token)


def move(
    model: type[Model], ids: list[int], values: Mapping[str, Any], *, before: str, stamp: str = ""
) -> bool:
    """Keep a move of rows from state `before`; `stamp` is set once and never again. False: nothing is kept here.

    Raises ConcurrentChange if a kept move left another state, now or when it is written.
    """
    if (changes := _of(model)) is None:
        return False
    changes.columns.update(values)
    if stamp:
        changes.stamps.add(stamp)
    if stale := [pk for pk in ids if changes.values.get(pk, {}).get("state", before) != before]:
        raise ConcurrentChange("a move", stale)
    for pk in ids:
        changes.before.setdefault(pk, before)
        row = changes.values.setdefault(pk, {})
        kept = row.get(stamp) if stamp else None
        row.update(values)
        if kept is not None:
            row[stamp] = kept
    return True


def assign(model: type[Model], column: str, values: Mapping[int, Any]) -> None:
    """Set one column to a value for each row, now or with the row's other changes."""
    assign_all(model, (column,), {pk: (value,) for pk, value in values.items()})


def assign_all(model: type[Model], columns: tuple[str, ...], values: Mapping[int, tuple]) -> None:
    """Like `assign`, several columns of each row."""
    if (changes := _of(model)) is None:
        bulk.update(model, "pk", columns, [(pk, *row) for pk, row in values.items()])
        return
    changes.columns.update(columns)
    for pk, row in values.items():
        changes.values.setdefault(pk, {}).update(zip(columns, row, strict=True))


def _of(model: type[Model]) -> _Changes | None:
    deferred = _deferred.get()
    return None if deferred is None else deferred.setdefault(model, _Changes())


def _before_statement(execute, sql, params, many, context):
    """Write what this statement may read. By name, so rather once too often than once too seldom."""
    for model, changes in list((_deferred.get() or {}).items()):
        if _names(model, sql, changes.columns):
            _flush(model)
    return execute(sql, params, many, context)


def _names(model: type[Model], sql: str, columns: set[str]) -> bool:
    table = model._meta.db_table
    if table not in sql or not (mentions := len(re.findall(rf"\b{table}\b", sql))):
        return False
    if mentions == len(_qualified(table).findall(sql)):
        return any(f'"{table}"."{name}"' in sql for name in columns)
    return "*" in sql or any(name in sql for name in columns)


@cache
def _qualified(table: str) -> re.Pattern:
    """A table as the ORM reads it: joined under its own name, and in front of each of its columns."""
    return re.compile(
        rf'(?:FROM|JOIN) "{table}"(?= ON| WHERE| INNER| LEFT| ORDER| GROUP| LIMIT|\)|$)|"{table}"\."'
    )


def _flush(model: type[Model]) -> None:
    changes = _deferred.get().pop(model)
    alike = defaultdict(list)
    for pk in sorted(changes.values):
        alike[tuple(sorted(changes.values[pk]))].append(pk)
    for columns, ids in alike.items():
        rows = [(pk, *(changes.values[pk][name] for name in columns)) for pk in ids]
        before = [changes.before[pk] for pk in ids] if "state" in columns else None
        kept = changes.stamps.intersection(columns)
        if bulk.update(model, "pk", columns, rows, keep=kept, expect=("state", before)) != len(rows):
            raise ConcurrentChange(f"{model._meta.model_name} states", ids)
