"""The hot writes: array inserts and keyed updates, one statement however many rows.

PostgreSQL takes new rows by COPY and changes as arrays (`unnest`), at a fraction of `bulk_create`; SQLite takes VALUES.
Callers pass tuples in the order of `fields`; no model instance is made, so Python defaults do not apply: name every
field that has no database default. What is not hot stays plain ORM.
"""

import json
import re
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from functools import cache
from typing import NamedTuple

from django.db import DEFAULT_DB_ALIAS, IntegrityError, connection, transaction
from django.db.models import Field, Model, QuerySet
from django.db.models.base import ModelState

ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"})
SPECIAL = re.compile(r"[\\\n\r\t]")
WRITTEN = {
    "BinaryField": lambda value: f"\\x{bytes(value).hex()}",
    "BooleanField": lambda value: "t" if value else "f",
    "DateField": date.isoformat,
    "DateTimeField": datetime.isoformat,
    "FloatField": lambda value: repr(float(value)),
}
UNQUOTED = {
    "AutoField", "BigAutoField", "BigIntegerField", "BooleanField", "FloatField", "ForeignKey", "IntegerField",
    "OneToOneField", "PositiveBigIntegerField", "PositiveIntegerField", "PositiveSmallIntegerField", "SmallIntegerField",
}  # fmt: skip
SQLITE_VARIABLES = 30_000  # the library's own limit is 32,766


class _Layout(NamedTuple):
    """How some fields of a model are written; asked for anew in every call, so it is kept."""

    columns: tuple[Field, ...]
    kinds: tuple[str, ...]
    names: tuple[str, ...]
    casts: tuple[str, ...]
    table: str


def is_postgresql() -> bool:
    return connection.vendor == "postgresql"


def insert(
    model: type[Model],
    fields: Sequence[str],
    rows: Sequence[tuple],
    *,
    returning: Sequence[str] = (),
    skip_conflicts: bool = False,
    mostly_new: bool = False,
) -> list[tuple]:
    """Insert rows; returns the `returning` fields of each inserted row, in the order of `rows`.

    With `skip_conflicts` a row that breaks a unique constraint is left out, of the answer too: ask for its key back.
    `mostly_new` says that this hardly ever happens: the rows are tried as a COPY first.
    """
    if is_postgresql() and rows:
        if not skip_conflicts:
            return _copy(model, fields, rows, returning)
        if mostly_new:
            try:
                with transaction.atomic():
                    return _copy(model, fields, rows, returning)
            except IntegrityError:
                pass  # somebody else was first with one of them
    layout = _layout(model, tuple(fields))
    tail = " ON CONFLICT DO NOTHING" if skip_conflicts else ""
    if returning:
        tail += f" RETURNING {', '.join(_layout(model, tuple(returning)).names)}"
    head = f"INSERT INTO {layout.table} ({', '.join(layout.names)})"
    answer: list[tuple] = []
    for chunk in _chunks(rows, len(fields)):
        source, parameters = _source(layout, chunk)
        with connection.cursor() as cursor:
            cursor.execute(f"{head} {source}{tail}", parameters)  # names come from the model only
            if returning:
                answer += cursor.fetchall()
    return answer


def _copy(
    model: type[Model], fields: Sequence[str], rows: Sequence[tuple], returning: Sequence[str]
) -> list[tuple]:
    """By COPY, under a third of the cost of an array insert; ids are drawn beforehand when they are asked for."""
    answer: list[tuple] = []
    if returning:
        ids = _new_ids(model, len(rows))
        rows = [(pk, *row) for pk, row in zip(ids, rows, strict=True)]
        fields = ("pk", *fields)
        picked = [fields.index(name) for name in returning]
        answer = [tuple(row[n] for n in picked) for row in rows]
    layout = _layout(model, tuple(fields))
    written = [
        _copied(kind, values) for kind, values in zip(layout.kinds, zip(*rows, strict=True), strict=True)
    ]
    lines = "\n".join(map("\t".join, zip(*written, strict=True)))
    statement = f"COPY {layout.table} ({', '.join(layout.names)}) FROM STDIN"
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copy:
        copy.write(f"{lines}\n")
    return answer


def _new_ids(model: type[Model], count: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH s AS MATERIALIZED (SELECT pg_get_serial_sequence(%s, %s)::regclass AS name) "
            "SELECT nextval(s.name) FROM s, generate_series(1, %s)",
            [_layout(model, ()).table, model._meta.pk.column, count],
        )
        return [pk for (pk,) in cursor.fetchall()]


def update(
    model: type[Model],
    key: str,
    fields: Sequence[str],
    rows: Sequence[tuple],
    *,
    keep: Collection[str] = (),
    expect: tuple[str, Sequence | None] = ("", None),
) -> int:
    """Set `fields` of the rows that `key` names; a row is (key value, *values). Returns how many rows were changed.

    Fields in `keep` are set where they are empty only. `expect` names a field and its value in each row: a row that has
    another one is left alone.
    """
    expected, before = expect if expect[1] is not None else ("", ())
    width = 1 + len(fields)
    layout = _layout(model, (key, *fields, *([expected] if expected else [])))
    if expected:
        rows = [(*row, value) for row, value in zip(rows, before, strict=True)]
    names, own = layout.names, [f"{layout.table}.{name}" for name in layout.names]
    sets = ", ".join(
        f"{names[n]} = COALESCE({own[n]}, v.c{n})" if fields[n - 1] in keep else f"{names[n]} = v.c{n}"
        for n in range(1, width)
    )
    guard = f" AND {own[width]} = v.c{width}" if expected else ""
    changed = 0
    for chunk in _chunks(rows, len(names)):
        source, parameters = _named_source(layout, chunk)
        statement = (
            f"UPDATE {layout.table} SET {sets} FROM ({source}) AS v "  # noqa: S608 - names come from the model only
            f"WHERE {own[0]} = v.c0{guard}"
        )
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            changed += cursor.rowcount
    return changed


def _named_source(layout: _Layout, rows: Sequence[tuple]) -> tuple[str, list]:
    """The rows as a select whose columns are c0, c1 and so on."""
    source, parameters = _source(layout, rows)
    aliases = [f"c{position}" for position in range(len(layout.columns))]
    if is_postgresql():
        return f"{source} AS u({', '.join(aliases)})", parameters
    named = ", ".join(f"column{n} AS {alias}" for n, alias in enumerate(aliases, start=1))
    return f"SELECT {named} FROM ({source})", parameters  # noqa: S608 - names come from the model only


def _source(layout: _Layout, rows: Sequence[tuple]) -> tuple[str, list]:
    """The rows as something to select from, and its parameters."""
    columns = layout.columns
    if is_postgresql():
        casts = ", ".join([f"%s::{cast}[]" for cast in layout.casts])
        arrays = [
            _array(kind, values) for kind, values in zip(layout.kinds, zip(*rows, strict=True), strict=True)
        ]
        return f"SELECT * FROM unnest({casts})", arrays  # noqa: S608 - names come from the model only
    row = f"({', '.join(['%s'] * len(columns))})"
    values = [
        column.get_db_prep_save(value, connection)
        for line in rows
        for column, value in zip(columns, line, strict=True)
    ]
    return f"VALUES {', '.join([row] * len(rows))}", values


def _chunks(rows: Sequence[tuple], width: int):
    size = len(rows) if is_postgresql() else SQLITE_VARIABLES // width
    for start in range(0, len(rows), size or 1):
        yield rows[start : start + size]


def load(rows: QuerySet, fields: Sequence[str], most: int | None = None) -> list[Model]:
    """Instances with these fields, as `only()` gives them, at a tenth of the cost; other fields are read when asked for."""
    return instances(rows.model, fields, rows.values_list(*fields)[:most])


def instances(model: type[Model], fields: Sequence[str], rows: Iterable[tuple]) -> list[Model]:
    """As `load` gives them, from rows of these fields."""
    found = []
    for values in rows:
        item = model.__new__(model)
        state = ModelState()
        state.adding, state.db = False, DEFAULT_DB_ALIAS
        item.__dict__.update(zip(fields, values, strict=True), _state=state)
        found.append(item)
    return found


# Values as PostgreSQL reads them in a COPY or an array: a column at a time, which costs a fraction of a driver's adapter
# for each value. Values that rows share (a time, a payload) are written out once.
def _texts(kind: str, values: Sequence) -> list[str | None]:
    convert = _dump if kind == "JSONField" else WRITTEN.get(kind, str)
    if convert is str:
        kinds = set(map(type, values))
        if kinds == {int}:
            return list(map(str, values))
        if kinds <= {str, type(None)}:
            return list(values)
        return [None if value is None else str(value) for value in values]
    places = list(map(id, values))
    texts = {
        place: None if value is None else convert(value)
        for place, value in dict(zip(places, values, strict=True)).items()
    }
    return list(map(texts.__getitem__, places))


def _array(kind: str, values: Sequence) -> str:
    texts = _texts(kind, values)
    if kind in UNQUOTED:
        return f"{{{','.join(['NULL' if text is None else text for text in texts])}}}"
    return f"{{{','.join(['NULL' if text is None else _quoted_text(text) for text in texts])}}}"


def _quoted_text(text: str) -> str:
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _copied(kind: str, values: Sequence) -> list[str]:
    """One column of a COPY in text form."""
    texts = _texts(kind, values)
    if None in texts:
        return [_copied_text(text) for text in texts]
    if kind in UNQUOTED or not SPECIAL.search("".join(texts)):
        return texts
    return [_copied_text(text) for text in texts]


def _copied_text(text: str | None) -> str:
    if text is None:
        return "\\N"
    return text.translate(ESCAPES) if SPECIAL.search(text) else text


def _plain(value) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


_dump = json.JSONEncoder(separators=(",", ":"), default=_plain, check_circular=False).encode


@cache
def _layout(model: type[Model], fields: tuple[str, ...]) -> _Layout:
    quote = connection.ops.quote_name
    columns = tuple(model._meta.pk if name == "pk" else model._meta.get_field(name) for name in fields)
    return _Layout(
        columns,
        tuple(column.get_internal_type() for column in columns),
        tuple(quote(column.column) for column in columns),
        tuple(map(_cast, columns)),
        quote(model._meta.db_table),
    )


def _cast(column: Field) -> str:
    return column.rel_db_type(connection) if column.primary_key else column.db_type(connection)
