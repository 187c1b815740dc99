"""CSV: text of one encoding, one kind of line end, commas; anything else is refused at its line and column."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from iom.lib.tabular.rows import LONGEST_CELL, FileRefused, cell_out


def write_csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """UTF-8 with a mark, so that spreadsheets read it as such."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows([cell_out(value) for value in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def lines(content: bytes) -> Iterator[tuple[int, list[str]]]:
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
