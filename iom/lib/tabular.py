"""Tables that people send us: CSV or XLSX bytes to rows of text. Pure; what a cell means is the importer's business.

A file that cannot be trusted as a whole (encoding, quotes, header, zip bomb …) is refused with one `FileRefused` that
names line and column; nothing of it is used. Cells stay text: a formula is the text of the formula.
"""

import csv
import io
import re
import zipfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from datetime import time as clock
from typing import Any

LARGEST_FILE = 20 * 1024 * 1024
MOST_ROWS = 50_000
LONGEST_CELL = 131_072
MOST_COLUMNS = 200
MOST_CELLS = 4_000_000  # of a workbook's sheet, the empty ones between and beside the others too
MOST_ENTRIES, HIGHEST_RATIO, LARGEST_UNPACKED = 1_000, 100, 200 * 1024 * 1024
_UNWANTED_PARTS = {
    "vbaproject.bin": "macros",
    "externallinks/": "links to other files",
    "embeddings/": "embedded files",
}
_DECLARATIONS = (b"<!DOCTYPE", b"<!ENTITY", b"<\0!\0D", b"<\0!\0E", b"\0<\0!\0D", b"\0<\0!\0E")
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


def read(
    content: bytes,
    *,
    columns: Sequence[str],
    required: Sequence[str],
    texts: Collection[str] = (),
    times: Collection[str] = (),
) -> Table:
    """The rows of a CSV or XLSX file, told apart by what is in it. Raises FileRefused.

    `texts` are columns where a workbook's number has lost its zeros or digits, `times` those where a date is right.
    """
    if len(content) > LARGEST_FILE:
        raise FileRefused(f"the file is larger than {LARGEST_FILE // 1024**2} MB; send it in parts")
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise FileRefused("this is an encrypted or an old Excel file; save it as .xlsx without a password")
    if content.startswith(b"PK"):
        return _table(_xlsx_lines(content), columns, required, Judge(frozenset(texts), frozenset(times)))
    return _table(_csv_lines(content), columns, required)


def escaped(value: Any) -> Any:
    """A cell for export: text that a spreadsheet would run gets an apostrophe; `plain` takes it off again."""
    return f"'{value}" if isinstance(value, str) and _STARTS_FORMULA.match(value) else value


def plain(text: str) -> str:
    return text[1:] if _ESCAPED.match(text) else text


def write_csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """UTF-8 with a mark, so that spreadsheets read it as such."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows([_cell_out(value) for value in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


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


def _cell_out(value: Any) -> Any:
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, date) else escaped(value)


def _xlsx_out(value: Any) -> Any:
    value = _cell_out(value)  # a spreadsheet knows no time zone; a number stays a number
    return _CONTROL.sub("", value) if isinstance(value, str) else value


_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")


# -- header and rows ----------------------------------------------------------------------------------------------


def _table(
    lines: Iterator[tuple[int, list[str]]],
    columns: Sequence[str],
    required: Sequence[str],
    judge: "Judge | None" = None,
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


# -- CSV ----------------------------------------------------------------------------------------------------------


def _csv_lines(content: bytes) -> Iterator[tuple[int, list[str]]]:
    text = _decoded(content)
    _check_line_ends(text)
    _check_delimiter(text)
    reader, start = csv.reader(io.StringIO(text, newline=""), strict=True), 1
    try:
        for cells in reader:
            yield start, cells
            start = reader.line_num + 1
    except csv.Error as error:
        raise FileRefused(_csv_sentence(str(error)), line=start, column=1) from error


def _csv_sentence(error: str) -> str:
    if "field larger" in error:
        return f"a field is longer than {LONGEST_CELL:,} characters"
    if "unexpected end" in error:
        return "a quote is opened here and never closed"
    return f"this is not valid CSV ({error})"


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise FileRefused("the file is UTF-16; save it as UTF-8", line=1, column=1)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _place(content[: error.start].decode("utf-8", "replace"))
        raise FileRefused("the file is not UTF-8; save it as UTF-8", line=line, column=column) from error
    if (at := text.find("\0")) >= 0:
        line, column = _place(text[:at])
        raise FileRefused("the file has a NUL character", line=line, column=column)
    return text


def _check_line_ends(text: str) -> None:
    """One kind of line end between records; inside quotes anything may stand."""
    pairs, feeds, returns = text.count("\r\n"), text.count("\n"), text.count("\r")
    if (pairs == feeds == returns) or (not pairs and not (feeds and returns)):
        return
    first, quoted = None, False
    for found in re.finditer(r'"|\r\n|\r|\n', text):
        if found[0] == '"':
            quoted = not quoted
        elif not quoted:
            first = first or found[0]
            if found[0] != first:
                line, column = _place(text[: found.start()])
                raise FileRefused("the line ends are mixed; save the file anew", line=line, column=column)


def _check_delimiter(text: str) -> None:
    head = re.split(r"[\r\n]", text, maxsplit=1)[0]
    if "," in head:
        return
    for mark, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if mark in head:
            raise FileRefused(
                f"cells are separated by {name}; use commas", line=1, column=head.index(mark) + 1
            )


def _place(before: str) -> tuple[int, int]:
    lines = re.split(r"\r\n|\r|\n", before)
    return len(lines), len(lines[-1]) + 1


# -- XLSX ---------------------------------------------------------------------------------------------------------


def _xlsx_lines(content: bytes) -> Iterator[tuple[int, list[str]]]:
    _check_package(content)
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
class Judge:
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


def _check_package(content: bytes) -> None:
    """Before anything is parsed: what it unpacks to is counted, not believed."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            parts = package.infolist()
            if len(parts) > MOST_ENTRIES:
                raise FileRefused(f"the file has more than {MOST_ENTRIES:,} parts")
            for part in parts:
                _check_part(part)
            _check_unpacked(package, parts, len(content))
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        NotImplementedError,
        RuntimeError,
        EOFError,
        OSError,
    ) as error:
        raise FileRefused("this is not a readable .xlsx file; save it anew") from error
    except Exception as error:
        if isinstance(error, FileRefused):
            raise
        raise FileRefused("this is not a readable .xlsx file; save it anew") from error


def _check_part(part: zipfile.ZipInfo) -> None:
    if part.flag_bits & 1:
        raise FileRefused("the file is encrypted; save it without a password")
    for name, what in _UNWANTED_PARTS.items():
        if name in part.filename.lower():
            raise FileRefused(f"the file has {what}; save it as plain .xlsx without them")


def _check_unpacked(package: zipfile.ZipFile, parts: Sequence[zipfile.ZipInfo], packed: int) -> None:
    if not any(part.filename == "[Content_Types].xml" for part in parts):
        raise FileRefused("this is a zip file but no .xlsx workbook")
    most, total = min(LARGEST_UNPACKED, packed * HIGHEST_RATIO), 0
    for part in parts:
        with package.open(part) as stream:
            tail = b""
            while chunk := stream.read(1 << 20):
                total += len(chunk)
                if total > most:
                    raise FileRefused("the file unpacks to far more than it should")
                if any(mark in tail + chunk for mark in _DECLARATIONS):
                    raise FileRefused(f"{part.filename} declares a document type or an entity; save it anew")
                tail = chunk[-16:]
