"""Tables of what people set up, as files: columns both ways, rows checked one by one, written by natural key."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.db.models import QuerySet

from inventory.services.import_tables import TableSpec
from iom.lib import imports
from iom.lib.imports import BadCell, Report, cell, required
from iom.lib.tabular import Row

MOST_EXPORTED = 50_000


@dataclass(frozen=True)
class Column:
    """`field` of the model; of a related record its natural key, as `source__code`."""

    name: str
    field: str
    convert: Callable[[str], Any] = str


@dataclass(frozen=True)
class SetupTable:
    """A model as a table. `key` names the columns by which a row is found again."""

    kind: str
    model: type[models.Model]
    columns: Sequence[Column]
    key: Sequence[str]

    def spec(self) -> TableSpec:
        names = [column.name for column in self.columns]
        return TableSpec(self.kind, names, tuple(self.key), _alone, self.take, self.export)

    def export(self, rows: QuerySet) -> Iterator[tuple]:
        yield from rows.order_by("pk").values_list(*[c.field for c in self.columns])[:MOST_EXPORTED]

    def take(self, groups: Sequence[Sequence[Row]], report: Report, *, actor: str) -> None:
        """Make or change rows by their key; columns that are not in the file stay as they are."""
        related = _Related()
        for (row,) in groups:
            try:
                changed = self._write(row, related)
            except (BadCell, ValidationError, IntegrityError) as error:
                report.fail([row], _sentence(error))
                continue
            report.taken += changed
            report.same += not changed

    @transaction.atomic
    def _write(self, row: Row, related: "_Related") -> bool:
        values = self._values(row, related)
        keys = {name: values[name] for name in self._names(self.key) if name in values}
        found = self.model._default_manager.filter(**_nulls(keys)).first()
        record = found or self.model()
        if found and values == {name: getattr(found, name) for name in values}:
            return False
        for name, value in values.items():
            setattr(record, name, value)
        record.full_clean()
        record.save()
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


def plain(*names: str, convert: Callable[[str], Any] = str) -> list[Column]:
    return [Column(name, name, convert) for name in names]


def whole(*names: str) -> list[Column]:
    return plain(*names, convert=imports.whole)
