"""B23: what a workbook has done to a cell is refused or told by the kind of its column; nothing is guessed."""

import io
import zipfile
from datetime import datetime

import pytest
from openpyxl import Workbook

from iom.lib import tabular

COLUMNS = ("sku", "name", "price", "placed_at")


def read(*cells, header=COLUMNS):
    book = Workbook()
    book.active.append(list(header))
    book.active.append(list(cells))
    out = io.BytesIO()
    book.save(out)
    return rows_of(out.getvalue())[0]


def rows_of(content):
    found = tabular.read(
        content, columns=COLUMNS, required=("sku",), texts={"sku", "name"}, times={"placed_at"}
    )
    return found.rows


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        ((datetime(2026, 3, 1), "x"), "sku is a date in the workbook (2026-03-01T00:00:00)"),
        ((4006381333931000, "x"), "sku 4006381333931000 has more digits"),
        ((4.006381333931e18, "x"), "more digits"),
        (("A", "x", "=1+1"), "price is a formula without a stored result"),
        (("=A1", "x"), "sku is a formula without a stored result"),
        (("A", "x", "#N/A"), "price is an error"),
        (("A", "x", 1, 46000), "placed_at is a plain number"),
        (("A", "x", datetime(2026, 3, 1)), "price is a date"),
    ],
)
def test_what_cannot_be_known_is_refused(cells, fault):
    assert fault in read(*cells).fault


def test_a_number_where_text_belongs_is_told_but_taken():
    row = read(12345, "x", 19.95, datetime(2026, 3, 1, 12))
    assert (row.fault, row.values["sku"], row.values["price"]) == ("", "12345", "19.95")
    assert row.warnings == (
        "sku 12345 is a number in the workbook: zeros before it, if it had any, are lost",
    )


def test_text_that_looks_like_a_number_or_formula_is_text():
    row = read("007", "'=1+1", "1.50")
    assert (row.fault, row.warnings, row.values["sku"], row.values["name"]) == ("", (), "007", "=1+1")


def test_a_formula_with_its_stored_result_is_that_result():
    book = Workbook()
    book.active.append(["sku", "price"])
    book.active.append(["A", "=2*9.5"])
    out = io.BytesIO()
    book.save(out)
    packed, stored = io.BytesIO(), io.BytesIO(out.getvalue())
    with zipfile.ZipFile(stored) as old, zipfile.ZipFile(packed, "w") as new:
        for part in old.namelist():
            data = old.read(part)
            if part.endswith("sheet1.xml"):
                data = (
                    data.replace(b"<v/>", b"<v>19</v>")
                    .replace(b"<v></v>", b"<v>19</v>")
                    .replace(b"<v />", b"<v>19</v>")
                )
            new.writestr(part, data)
    (row,) = rows_of(packed.getvalue())
    assert (row.fault, row.values["price"]) == ("", "19")
