"""Tables of what people set up, as files: columns both ways, rows checked one by one, written by natural key."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.db.models import QuerySet

from inventory.services.import_tables import MOST_EXPORTED, TableSpec
from iom.lib import imports
from iom.lib.imports import BadCell, Report, cell, required
from iom.lib.tabular import Row

BETWEEN = ";"


@dataclass(frozen=True)
class Column:
    """`field` of the model; of a related record its natural key, as `source__code`. `show` is the way back of `convert`."""

    name: str
    field: str
    convert: Callable[[str], Any] = str
    show: Callable[[Any], Any] | None = None


@dataclass(frozen=True)
class Members:
    """A column of many records, by natural keys with `;` between them: `field` is the relation, as `sources__code`."""

    name: str
    field: str


@dataclass(frozen=True)
class SetupTable:
    """A model as a table. `key` names the columns by which a row is found again; `members` come after the others.

    `watched`: fields of records that were there before; `changed` is told the ids of those in which one of them is different
    now, once all rows are written.
    """

    kind: str
    model: type[models.Model]
    columns: Sequence[Column]
    key: Sequence[str]
    members: Sequence[Members] = ()
    watched: frozenset[str] = frozenset()
    changed: Callable[..., None] | None = None

    def spec(self) -> TableSpec:
        names = [column.name for column in (*self.columns, *self.members)]
        return TableSpec(self.kind, names, tuple(self.key), _alone, self.take, self.export)

    def export(self, rows: QuerySet) -> Iterator[tuple]:
        fields = [column.field for column in self.columns]
        many = [_members_by_record(self.model, column) for column in self.members]
        for pk, *values in rows.order_by("pk").values_list("pk", *fields)[:MOST_EXPORTED]:
            shown = [
                column.show(value) if column.show else value
                for column, value in zip(self.columns, values, strict=True)
            ]
            yield (*shown, *(BETWEEN.join(found.get(pk, ())) for found in many))

    @transaction.atomic
    def take(self, groups: Sequence[Sequence[Row]], report: Report, *, actor: str) -> None:
        """Make or change rows by their key; columns that are not in the file stay as they are.

        One transaction: the good rows with all that follows from them, or nothing.
        """
        related, watched = _Related(), set()
        for (row,) in groups:
            try:
                changed = self._write(row, related, watched)
            except (BadCell, ValidationError, IntegrityError) as error:
                report.fail([row], _sentence(error))
                continue
            report.taken += changed
            report.same += not changed
        if watched and self.changed:
            self.changed(watched, actor=actor)

    @transaction.atomic
    def _write(self, row: Row, related: "_Related", watched: set[int]) -> bool:
        values = self._values(row, related)
        keys = {name: values[name] for name in self._names(self.key) if name in values}
        found = self.model._default_manager.filter(**_nulls(keys)).first()
        record = found or self.model()
        same = bool(found) and values == {name: getattr(found, name) for name in values}
        different = {name for name, value in values.items() if found and getattr(found, name) != value}
        if not same:
            for name, value in values.items():
                setattr(record, name, value)
            record.full_clean()
            record.save()
            if different & self.watched:
                watched.add(record.pk)
        moved = [self._write_members(record, column, row, related) for column in self.members]
        return not same or any(moved)

    def _write_members(self, record: models.Model, column: Members, row: Row, related: "_Related") -> bool:
        """Exactly those that the cell names; a column that is not in the file leaves them."""
        if column.name not in row.values:
            return False
        head, _, natural = column.field.partition("__")
        model = self.model._meta.get_field(head).related_model
        keys = [key.strip() for key in row.values[column.name].split(BETWEEN) if key.strip()]
        wanted = {related.find(model, natural, key, column.name).pk for key in keys}
        relation = getattr(record, head)
        if wanted == set(relation.values_list("pk", flat=True)):
            return False
        relation.set(wanted)
        return True

    def _values(self, row: Row, related: "_Related") -> dict[str, Any]:
        values: dict[str, Any] = {}
        for column in self.columns:
            head, _, natural = column.field.partition("__")
            field = self.model._meta.get_field(head)
            needed = column.name in self.key and not field.null and not field.blank
            text = (required if needed else cell)(row, column.name, column.convert)
            if column.name not in row.values:
                continue
            if natural:
                values[head] = related.find(field.related_model, natural, text, column.name) if text else None
            elif text != "":
                values[head] = text
            elif field.null:
                values[head] = None
            elif isinstance(field, models.CharField):
                values[head] = ""
        return values

    def _names(self, columns: Iterable[str]) -> list[str]:
        by_name = {column.name: column.field.partition("__")[0] for column in self.columns}
        return [by_name[name] for name in columns]


def _members_by_record(model: type[models.Model], column: Members) -> dict[int, list[str]]:
    """Natural keys by record, sorted; one query."""
    found: dict[int, list[str]] = {}
    rows = model._default_manager.exclude(**{column.field: None}).order_by("pk", column.field)
    for pk, key in rows.values_list("pk", column.field):
        found.setdefault(pk, []).append(key)
    return found


def _alone(rows: Sequence[Row], report: Report) -> list[list[Row]]:
    """Each row is a record of its own; those that are wrong already are reported."""
    for row in rows:
        if row.fault:
            report.fail([row], row.fault)
    return [[row] for row in rows if not row.fault]


class _Related:
    """Records that rows name, each looked up once a file."""

    def __init__(self) -> None:
        self.known: dict[tuple, models.Model | None] = {}

    def find(self, model: type[models.Model], natural: str, text: str, column: str) -> models.Model:
        key = (model, natural, text)
        if key not in self.known:
            self.known[key] = model._default_manager.filter(**{natural: text}).first()
        if self.known[key] is None:
            raise BadCell(f"there is no {column} “{text:.64}”")
        return self.known[key]


def _nulls(keys: Mapping[str, Any]) -> dict[str, Any]:
    return {
        f"{name}__isnull" if value is None else name: True if value is None else value
        for name, value in keys.items()
    }


def _sentence(error: Exception) -> str:
    if isinstance(error, ValidationError):
        if hasattr(error, "error_dict"):
            return "; ".join(
                f"{name}: {' '.join(texts)}" if name != "__all__" else " ".join(texts)
                for name, texts in error.message_dict.items()
            )
        return " ".join(error.messages)
    return "it contradicts a row that is there" if isinstance(error, IntegrityError) else str(error)


def clock(text: str) -> time:
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise ValueError("is not a time of day; write 17:00") from None


def day(text: str) -> date:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise ValueError("is not a date; write 2026-11-26") from None


def pairs(text: str) -> list[list[int]]:
    """`3:120;4:30` as [[3, 120], [4, 30]]: days with the parcels that took so long."""
    try:
        found = [[int(part) for part in pair.split(":")] for pair in text.split(BETWEEN) if pair.strip()]
    except ValueError:
        found = [[]]
    if any(len(pair) != 2 or not (0 <= pair[0] <= 365 and 0 <= pair[1] <= 10**9) for pair in found):
        raise ValueError("is not days with parcels; write 3:120;4:30")
    return found


def shown_pairs(value: Sequence[Sequence[int]]) -> str:
    return BETWEEN.join(f"{days}:{count}" for days, count in value or ())


def plain(*names: str, convert: Callable[[str], Any] = str) -> list[Column]:
    return [Column(name, name, convert) for name in names]


def whole(*names: str) -> list[Column]:
    return plain(*names, convert=imports.whole)
