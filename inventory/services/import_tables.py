"""Kinds of tables that people send, and what it takes to try or take rows of one. A small table goes in one call."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from iom.lib import tabular
from iom.lib.imports import Report
from iom.lib.tabular import Row, Table

Group = list[Row]
_specs: dict[str, "TableSpec"] = {}
WARNINGS_KEPT = 200
MOST_EXPORTED = 50_000


@dataclass(frozen=True)
class TableSpec:
    """How a kind of record travels: columns both ways, the importer, and the rows of an export.

    `group` puts rows together that make one record and reports those that can make none; `take` takes such groups.
    `texts` are columns of identifiers and the like, where a workbook's numbers may have lost something; `times` hold times.
    """

    kind: str
    columns: Sequence[str]
    required: Sequence[str]
    group: Callable[[Sequence[Row], Report], list[Group]]
    take: Callable[..., None]
    export: Callable[[QuerySet], Iterable[Sequence[Any]]]
    texts: frozenset[str] = frozenset()
    times: frozenset[str] = frozenset()

    def read(self, content: bytes) -> Table:
        """Raises FileRefused."""
        return tabular.read(
            content, columns=self.columns, required=self.required, texts=self.texts, times=self.times
        )


def register(*specs: TableSpec) -> None:
    """Each app's config does it for the app's `tables`, so a worker knows them all and loads no pages."""
    _specs.update({spec.kind: spec for spec in specs})


def spec_of(kind: str) -> TableSpec:
    return _specs[kind]


def take_rows(spec: TableSpec, rows: Sequence[Row], *, actor: str) -> Report:
    """Take rows chunk by chunk, each in its own transaction unless the caller has one."""
    report = Report(total=len(rows))
    for groups in chunked(spec.group(rows, report)):
        spec.take(groups, report, actor=actor)
    return report


def try_groups(spec: TableSpec, groups: Sequence[Group], report: Report, *, actor: str) -> None:
    """What taking would report, with nothing kept."""
    with transaction.atomic():
        spec.take(groups, report, actor=actor)
        transaction.set_rollback(True)


CHUNK_ROWS = 1500


def chunked(groups: Sequence[Group], most: int = CHUNK_ROWS) -> Iterable[list[Group]]:
    """Groups in chunks of about so many rows; a group is never torn apart."""
    chunk, size = [], 0
    for group in groups:
        if chunk and size + len(group) > most:
            yield chunk
            chunk, size = [], 0
        chunk.append(group)
        size += len(group)
    if chunk:
        yield chunk


def told(report: Report, table: Table | Mapping) -> dict[str, Any]:
    """The report as it is kept with the file."""
    if isinstance(table, Table):
        warnings = [[row.line, text] for row in table.rows for text in row.warnings]
        table = {"header": list(table.header), "warnings": warnings[:WARNINGS_KEPT], "warned": len(warnings)}
    return {**table, **report.as_dict()}
