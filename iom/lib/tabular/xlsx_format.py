"""XLSX: the first sheet of a workbook as text, and what its cells may have lost before they came to us."""

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from datetime import time as clock
from typing import Any

from iom.lib.tabular.rows import LONGEST_CELL, FileRefused, cell_out
from iom.lib.tabular.xlsx_package import check_package

MOST_COLUMNS = 200
MOST_CELLS = 4_000_000  # of a workbook's sheet, the empty ones between and beside the others too
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")


def write_xlsx(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("Export")
    sheet.append(list(header))
    for row in rows:
        sheet.append([_xlsx_out(value) for value in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _xlsx_out(value: Any) -> Any:
    value = cell_out(value)  # a spreadsheet knows no time zone; a number stays a number
    return _CONTROL.sub("", value) if isinstance(value, str) else value


def lines(content: bytes) -> Iterator[tuple[int, list[str]]]:
    check_package(content)
    try:
        sheet, stored, seen = _sheet(content, formulas=True), None, 0
        for number, cells in enumerate(sheet.iter_rows(), start=1):
            seen += len(cells)
            if seen > MOST_CELLS:
                words = (
                    "the sheet has millions of cells, most of them empty; delete its empty rows and columns"
                )
                raise FileRefused(words, line=number)
            if any(cell.data_type == "f" for cell in cells):
                stored = stored or enumerate(
                    _sheet(content, formulas=False).iter_rows(values_only=True), start=1
                )
                cells = _with_results(cells, next(found for line, found in stored if line == number))
            yield number, _texts(cells, number)
    except FileRefused:
        raise
    except Exception as error:  # the library raises what it likes on a broken file
        raise FileRefused("this is not a readable .xlsx file; save it anew") from error


def _sheet(content: bytes, *, formulas: bool):
    from openpyxl import load_workbook

    book = load_workbook(io.BytesIO(content), read_only=True, data_only=not formulas, keep_links=False)
    sheet = book.worksheets[0]
    sheet.reset_dimensions()  # the sheet's own word on its size may be wrong
    return sheet


def _with_results(cells: Sequence[Any], results: Sequence[Any]) -> list[Any]:
    """Formulas as what they came to when the file was saved; one that was never computed stays what it is."""
    return [
        result if cell.data_type == "f" and result is not None else cell
        for cell, result in zip(cells, results, strict=False)
    ]


def _texts(cells: Sequence[Any], line: int) -> list[str]:
    texts = [_text(cell) for cell in cells]
    while texts and not texts[-1]:
        texts.pop()
    if len(texts) > MOST_COLUMNS:
        raise FileRefused(f"there are more than {MOST_COLUMNS} columns", line=line, column=MOST_COLUMNS + 1)
    for column, text in enumerate(texts, start=1):
        if len(text) > LONGEST_CELL or "\0" in text:
            raise FileRefused("a cell is too long or has a NUL character", line=line, column=column)
    return texts


def _text(cell: Any) -> str:
    kind, value = getattr(cell, "data_type", ""), getattr(cell, "value", cell)
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime | date | clock):
        return Typed(value.isoformat(), "date")
    if kind == "f":
        return Typed(str(value), "formula")
    if kind == "e":
        return Typed(str(value), "error")
    if isinstance(value, int | float):
        whole = isinstance(value, int) or (value.is_integer() and abs(value) < 1e15)
        return Typed(str(int(value)) if whole else repr(value), "number")
    return str(value)


class Typed(str):
    """The text of a workbook's cell that was no text there; `kind` is number, date, formula or error."""

    __slots__ = ("kind",)

    def __new__(cls, text: str, kind: str) -> "Typed":
        made = super().__new__(cls, text)
        made.kind = kind
        return made


@dataclass(frozen=True, slots=True)
class LossJudge:
    """What a workbook's cells may have lost before they came to us, by the kind of their column. Nothing is guessed."""

    texts: frozenset[str]
    times: frozenset[str]

    def look(self, header: Sequence[str], cells: Sequence[str]) -> tuple[str, tuple[str, ...]]:
        """(what makes the row unusable, what somebody should look at)."""
        typed = [(name, cell) for name, cell in zip(header, cells, strict=False) if isinstance(cell, Typed)]
        faults = [fault for name, cell in typed if (fault := self._fault(name, cell))]
        lost = [
            f"{name} {cell} is a number in the workbook: zeros before it, if it had any, are lost"
            for name, cell in typed
            if cell.kind == "number" and name in self.texts
        ]
        return "; ".join(faults), tuple(lost)

    def _fault(self, name: str, cell: Typed) -> str:
        if cell.kind == "date" and name not in self.times:
            return (
                f"{name} is a date in the workbook ({cell:.20}); format the column as text and type it again"
            )
        if cell.kind == "formula":
            return f"{name} is a formula without a stored result; paste its value"
        if cell.kind == "error":
            return f"{name} is an error in the workbook ({cell:.20})"
        if cell.kind == "number" and name in self.times:
            return f"{name} is a plain number in the workbook ({cell:.20}), not a time"
        if cell.kind == "number" and name in self.texts and _has_lost_digits(cell):
            return (
                f"{name} {cell:.30} has more digits than a workbook's number keeps; format the column as text"
            )
        return ""


def _has_lost_digits(text: str) -> bool:
    """A workbook keeps 15 digits of a number; what was longer is rounded, or has become a power of ten."""
    digits = text.lstrip("-").replace(".", "")
    return "e" in text or len(digits) > 15
