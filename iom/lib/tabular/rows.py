"""Rows of text under a header, whatever format they came in; how a cell stands in an export."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

MOST_ROWS = 50_000
LONGEST_CELL = 131_072
_STARTS_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_ESCAPED = re.compile(r"'+[=+\-@\t\r]")


class FileRefused(Exception):
    """The file as a whole cannot be used; `line` and `column` count from 1, None where they make no sense."""

    code = "file_refused"

    def __init__(self, sentence: str, *, line: int | None = None, column: int | None = None) -> None:
        self.sentence, self.line, self.column = sentence, line, column
        place = [f"{name} {value}" for name, value in (("line", line), ("column", column)) if value]
        super().__init__(f"{', '.join(place).capitalize()}: {sentence}" if place else sentence)


@dataclass(frozen=True, slots=True)
class Row:
    """One record of the file: where it began, its cells by header, the cells as they stood, and what is wrong so far.

    `warnings` say what a workbook may have lost before it came to us.
    """

    line: int
    values: dict[str, str]
    cells: tuple[str, ...]
    fault: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    header: tuple[str, ...]
    rows: list[Row]


class Judge(Protocol):
    """Looks at a row's cells before they are text only: (what makes the row unusable, what somebody should look at)."""

    def look(self, header: Sequence[str], cells: Sequence[str]) -> tuple[str, tuple[str, ...]]: ...


def table(
    lines: Iterator[tuple[int, list[str]]],
    columns: Sequence[str],
    required: Sequence[str],
    judge: Judge | None = None,
) -> Table:
    line, first = next(lines, (1, []))
    header = tuple(cell.strip().lower() for cell in first)
    _check_header(header, line, columns, required)
    rows = []
    for line, cells in lines:
        if not any(cells):
            continue
        if len(rows) == MOST_ROWS:
            raise FileRefused(f"the file has more than {MOST_ROWS:,} rows; send it in parts", line=line)
        rows.append(row_of(header, line, cells, *(judge.look(header, cells) if judge else ())))
    return Table(header, rows)


def row_of(
    header: Sequence[str], line: int, cells: Sequence[str], fault: str = "", warnings: tuple[str, ...] = ()
) -> Row:
    values = dict(zip(header, map(str.strip, cells), strict=False))
    if "'" in "".join(cells):
        values = {name: plain(cell) for name, cell in values.items()}
    if len(cells) > len(header):
        fault = fault or f"has {len(cells)} cells, the header {len(header)}"
    texts = tuple(cells) if set(map(type, cells)) == {str} else tuple(map(str, cells))
    return Row(line, values, texts, fault, warnings)


def _check_header(header: Sequence[str], line: int, columns: Sequence[str], required: Sequence[str]) -> None:
    if not any(header):
        raise FileRefused("the file has no header", line=line)
    seen: set[str] = set()
    for position, name in enumerate(header, start=1):
        if name in seen:
            raise FileRefused(f"the header has {name!r} twice", line=line, column=position)
        if name not in columns:
            raise FileRefused(
                f"there is no column {name!r:.60}; known: {', '.join(columns)}", line=line, column=position
            )
        seen.add(name)
    if missing := [name for name in required if name not in seen]:
        raise FileRefused(f"the header lacks {', '.join(missing)}", line=line, column=len(header) + 1)


def escaped(value: Any) -> Any:
    """A cell for export: text that a spreadsheet would run gets an apostrophe; `plain` takes it off again."""
    return f"'{value}" if isinstance(value, str) and _STARTS_FORMULA.match(value) else value


def plain(text: str) -> str:
    return text[1:] if _ESCAPED.match(text) else text


def cell_out(value: Any) -> Any:
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, date) else escaped(value)
