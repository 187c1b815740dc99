"""The hot writes: array inserts and keyed updates, one statement however many rows.

PostgreSQL takes new rows by COPY and changes as arrays (`unnest`), at a fraction of `bulk_create`; SQLite takes VALUES.
Callers pass tuples in the order of `fields`; no model instance is made, so Python defaults do not apply: name every
field that has no database default. What is not hot stays plain ORM.
"""

import json
import re
from collections.abc import Collection, Sequence
from datetime import date, datetime

from django.db import connection
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


def is_postgresql() -> bool:
    return connection.vendor == "postgresql"


def insert(
    model: type[Model],
    fields: Sequence[str],
    rows: Sequence[tuple],
    *,
    returning: Sequence[str] = (),
    skip_conflicts: bool = False,
) -> list[tuple]:
    """Insert rows; returns the `returning` fields of each inserted row, in the order of `rows`.

    With `skip_conflicts` a row that breaks a unique constraint is left out, of the answer too: ask for its key back.
    """
    if is_postgresql() and rows and not skip_conflicts:
        return _copy(model, fields, rows, returning)
    columns = [_column(model, name) for name in fields]
    tail = " ON CONFLICT DO NOTHING" if skip_conflicts else ""
    if returning:
        tail += f" RETURNING {', '.join(_quoted(_column(model, name)) for name in returning)}"
    head = f"INSERT INTO {_table(model)} ({', '.join(map(_quoted, columns))})"
    answer: list[tuple] = []
    for chunk in _chunks(rows, len(columns)):
        source, parameters = _source(columns, chunk)
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
    columns = [_column(model, name) for name in fields]
    written = [
        _copied(column, values) for column, values in zip(columns, zip(*rows, strict=True), strict=True)
    ]
    lines = "\n".join(map("\t".join, zip(*written, strict=True)))
    statement = f"COPY {_table(model)} ({', '.join(map(_quoted, columns))}) FROM STDIN"
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copy:
        copy.write(f"{lines}\n")
    return answer


def _new_ids(model: type[Model], count: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH s AS MATERIALIZED (SELECT pg_get_serial_sequence(%s, %s)::regclass AS name) "
            "SELECT nextval(s.name) FROM s, generate_series(1, %s)",
            [_table(model), model._meta.pk.column, count],
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
    columns = [_column(model, name) for name in (key, *fields, *([expected] if expected else []))]
    if expected:
        rows = [(*row, value) for row, value in zip(rows, before, strict=True)]
    names = [_quoted(column) for column in columns]
    own = [f"{_table(model)}.{name}" for name in names]
    sets = ", ".join(
        f"{names[n]} = COALESCE({own[n]}, v.c{n})" if fields[n - 1] in keep else f"{names[n]} = v.c{n}"
        for n in range(1, width)
    )
    guard = f" AND {own[width]} = v.c{width}" if expected else ""
    changed = 0
    for chunk in _chunks(rows, len(columns)):
        source, parameters = _named_source(columns, chunk)
        statement = (
            f"UPDATE {_table(model)} SET {sets} FROM ({source}) AS v "  # noqa: S608 - names come from the model only
            f"WHERE {own[0]} = v.c0{guard}"
        )
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            changed += cursor.rowcount
    return changed


def _named_source(columns: Sequence[Field], rows: Sequence[tuple]) -> tuple[str, list]:
    """The rows as a select whose columns are c0, c1 and so on."""
    source, parameters = _source(columns, rows)
    if is_postgresql():
        return f"{source} AS u({', '.join(_aliases(columns))})", parameters
    named = ", ".join(f"column{n} AS {alias}" for n, alias in enumerate(_aliases(columns), start=1))
    return f"SELECT {named} FROM ({source})", parameters  # noqa: S608 - names come from the model only


def _source(columns: Sequence[Field], rows: Sequence[tuple]) -> tuple[str, list]:
    """The rows as something to select from, and its parameters."""
    if is_postgresql():
        casts = ", ".join(f"%s::{_cast(column)}[]" for column in columns)
        lists = zip(columns, zip(*rows, strict=True), strict=True)
        arrays = [_array(column, values) for column, values in lists]
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
    model, using, found = rows.model, rows.db, []
    for values in rows.values_list(*fields)[:most]:
        item = model.__new__(model)
        state = ModelState()
        state.adding, state.db = False, using
        item.__dict__.update(zip(fields, values, strict=True), _state=state)
        found.append(item)
    return found


# Values as PostgreSQL reads them in a COPY or an array: a column at a time, which costs a fraction of a driver's adapter
# for each value. Values that rows share (a time, a payload) are written out once.
def _texts(column: Field, values: Sequence) -> list[str | None]:
    kind = column.get_internal_type()
    convert = _dump if kind == "JSONField" else WRITTEN.get(kind, str)
    texts: dict[int, str | None] = {id(None): None}
    if convert is str:
        kinds = set(map(type, values))
        if kinds == {int}:
            return list(map(str, values))
        if kinds <= {str, type(None)}:
            return list(values)
        return [None if value is None else str(value) for value in values]
    for value in values:
        if id(value) not in texts:
            texts[id(value)] = convert(value)
    return [texts[id(value)] for value in values]


def _array(column: Field, values: Sequence) -> str:
    texts = _texts(column, values)
    if column.get_internal_type() in UNQUOTED:
        return f"{{{','.join(['NULL' if text is None else text for text in texts])}}}"
    return f"{{{','.join(['NULL' if text is None else _quoted_text(text) for text in texts])}}}"


def _quoted_text(text: str) -> str:
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _copied(column: Field, values: Sequence) -> list[str]:
    """One column of a COPY in text form."""
    texts = _texts(column, values)
    if None in texts:
        return [_copied_text(text) for text in texts]
    if column.get_internal_type() in UNQUOTED or not SPECIAL.search("".join(texts)):
        return texts
    return [_copied_text(text) for text in texts]


def _copied_text(text: str | None) -> str:
    if text is None:
        return "\\N"
    return text.translate(ESCAPES) if SPECIAL.search(text) else text


def _plain(value) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


_dump = json.JSONEncoder(separators=(",", ":"), default=_plain, check_circular=False).encode


def _cast(column: Field) -> str:
    return column.rel_db_type(connection) if column.primary_key else column.db_type(connection)


def _column(model: type[Model], name: str) -> Field:
    return model._meta.pk if name == "pk" else model._meta.get_field(name)


def _aliases(columns: Sequence[Field]) -> list[str]:
    return [f"c{position}" for position in range(len(columns))]


def _quoted(column: Field) -> str:
    return connection.ops.quote_name(column.column)


def _table(model: type[Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)
