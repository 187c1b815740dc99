"""Tables that people send us: CSV or XLSX bytes to rows of text. Pure; what a cell means is the importer's business.

A file that cannot be trusted as a whole (encoding, quotes, header, zip bomb …) is refused with one `FileRefused` that
names line and column; nothing of it is used. Cells stay text: a formula is the text of the formula.
"""

from collections.abc import Collection, Sequence

from iom.lib.tabular import csv_format, xlsx_format
from iom.lib.tabular.csv_format import write_csv
from iom.lib.tabular.rows import FileRefused, Row, Table, escaped, plain, row_of, table
from iom.lib.tabular.xlsx_format import LossJudge, write_xlsx

__all__ = [
    "LARGEST_FILE",
    "FileRefused",
    "Row",
    "Table",
    "escaped",
    "plain",
    "read",
    "row_of",
    "write_csv",
    "write_xlsx",
]
LARGEST_FILE = 20 * 1024 * 1024


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
        return table(
            xlsx_format.lines(content), columns, required, LossJudge(frozenset(texts), frozenset(times))
        )
    return table(csv_format.lines(content), columns, required)
