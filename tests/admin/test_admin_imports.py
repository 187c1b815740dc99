"""Tables that people send: refused as a whole with line and column, or row by row with a reason; never half."""

import io
import zipfile
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from inventory.importing import TakenBefore, check, failed_rows, take
from inventory.models import ImportedFile, InventoryPosition, Product
from inventory.services.import_tables import take_rows
from iom.lib import tabular
from iom.lib.tabular import FileRefused
from orders.models import Customer, Order

COLUMNS, REQUIRED = ("sku", "name", "price"), ("sku",)


def _read(content: bytes) -> list[dict]:
    return [row.values for row in tabular.read(content, columns=COLUMNS, required=REQUIRED).rows]


def _table(model):
    from django.contrib import admin

    admin.autodiscover()
    return admin.site._registry[model].table


@pytest.mark.parametrize(
    ("content", "line", "column", "word"),
    [
        ("sku,name\nA,Zelt\nB,Größe".encode("latin-1"), 3, 5, "UTF-8"),
        (b"\xff\xfes\0k\0u\0", 1, 1, "UTF-16"),
        (b"sku,name\r\nA,x\nB,y\r\n", 2, 4, "line ends"),
        (b"sku;name\nA;x\n", 1, 4, "semicolons"),
        (b"sku,name\nA,x\0y\n", 2, 4, "NUL"),
        (b'sku,name\nA,x\nB,"open\nC,z\n', 3, 1, "never closed"),
        (b"sku,name\nA," + b"x" * 131_073, 2, 1, "131,072"),
        (b"name,price\nx,1\n", 1, 3, "lacks sku"),
        (b"sku,name,sku\nA,x,B\n", 1, 3, "twice"),
        (b"sku,naem\nA,x\n", 1, 2, "naem"),
        (b"", 1, None, "no header"),
        (b"\xd0\xcf\x11\xe0" + b"x" * 600, None, None, "encrypted"),
    ],
)
def test_a_bad_file_is_named_with_line_and_column(content, line, column, word):
    with pytest.raises(FileRefused) as refused:
        _read(content)
    assert (refused.value.line, refused.value.column) == (line, column)
    assert word in str(refused.value)


def test_line_ends_inside_quotes_are_no_mixture():
    assert _read(b'sku,name\r\nA,"two\nlines"\r\n') == [{"sku": "A", "name": "two\nlines"}]


def _workbook(rows) -> bytes:
    return tabular.write_xlsx(["sku", "name", "price"], rows)


def _repacked(content: bytes, **added: bytes) -> bytes:
    out = io.BytesIO(content)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as package:
        for name, data in added.items():
            package.writestr(name.replace("__", "/"), data)
    return out.getvalue()


@pytest.mark.parametrize(
    ("added", "word"),
    [
        ({"xl__bomb.xml": b"0" * 60_000_000}, "unpacks"),
        ({"xl__vbaProject.bin": b"x"}, "macros"),
        ({"xl__externalLinks__externalLink1.xml": b"<x/>"}, "links"),
        ({"xl__evil.xml": b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'}, "entity"),
        ({f"xl__{n}.xml": b"" for n in range(1_001)}, "parts"),
    ],
)
def test_a_dangerous_workbook_is_refused_before_it_is_parsed(added, word):
    with pytest.raises(FileRefused, match=word):
        _read(_repacked(_workbook([("A", "x", 1)]), **added))


def test_a_file_that_only_says_it_is_a_workbook_is_refused():
    with pytest.raises(FileRefused, match=r"workbook|readable"):
        _read(b"PK\x03\x04 no zip at all")


@pytest.mark.parametrize(
    "text", ["=1+1", "+49 30 1234", "-5 degrees", "@cmd", "'=x", "''-y", "plain", "'quoted'"]
)
def test_text_survives_the_way_out_and_in_and_never_runs(text):
    for content in (
        tabular.write_csv(COLUMNS, [("A", text, Decimal("-5.50"))]),
        _workbook([("A", text, Decimal("-5.50"))]),
    ):
        (row,) = _read(content)
        assert row["name"] == text
        assert Decimal(row["price"]) == Decimal("-5.5")
    cell = tabular.write_csv(COLUMNS, [("A", text, 1)]).decode("utf-8-sig").splitlines()[1].split(",")[1]
    assert cell[0] not in "=+-@"


def test_a_formula_cell_comes_in_as_text():
    from openpyxl import Workbook

    book = Workbook()
    for row in (["sku", "name"], ["A", "=1+1"]):
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    assert _read(out.getvalue()) == [{"sku": "A", "name": "=1+1"}]


ORDERS = b"""channel,external_id,placed_at,ship_to_name,ship_to_line1,ship_to_city,ship_to_country,sku,quantity,unit_price
shop,A-1,2026-11-01T10:00:00Z,Ann,1 Main St,Reno,US,T-1,2,10.00
shop,A-1,2026-11-01T10:00:00Z,Ann,1 Main St,Reno,US,T-1,1,12.00
shop,A-2,2026-11-01T10:00:00Z,Bob,2 Main St,Reno,US,NOPE,1,10.00
shop,A-3,2026-11-01T10:00:00Z,Cid,3 Main St,Reno,US,T-1,many,10.00
shop,A-4,2026-11-01T10:00:00Z,Dee,4 Main St,Reno,US,T-1,1,10.00
"""


@pytest.mark.django_db
def test_orders_checked_then_the_good_ones_taken(world):
    world["channel"].trusted = False
    world["channel"].save()
    file = check(_table(Order), ORDERS, name="orders.csv", actor="user:ann")
    assert not Order.objects.exists()
    assert (file.report["total"], file.report["taken"]) == (5, 3)

    done = take(_table(Order), file, mode="good", again=False, actor="user:ann")

    assert sorted(Order.objects.values_list("external_id", "line_count")) == [("A-1", 2), ("A-4", 1)]
    assert [line for line, _, _ in done.report["failed"]] == [4, 5]
    lines = failed_rows(done).decode("utf-8-sig").splitlines()
    assert lines[0].endswith("unit_price,reason") and "NOPE" in lines[1] and "many" in lines[2]


@pytest.mark.django_db
def test_all_or_nothing_takes_nothing(world):
    file = check(_table(Order), ORDERS, name="orders.csv", actor="user:ann")
    done = take(_table(Order), file, mode="all", again=False, actor="user:ann")
    assert (done.state, Order.objects.count()) == ("failed", 0)


@pytest.mark.django_db
def test_the_same_file_twice_says_when_and_by_whom(world):
    good = b"\n".join(ORDERS.splitlines()[:3])
    take(
        _table(Order),
        check(_table(Order), good, name="a.csv", actor="user:ann"),
        mode="all",
        again=False,
        actor="user:ann",
    )
    again = check(_table(Order), good, name="b.csv", actor="user:bob")
    with pytest.raises(TakenBefore, match=r"already imported on .*, by ann"):
        take(_table(Order), again, mode="all", again=False, actor="user:bob")

    done = take(_table(Order), again, mode="all", again=True, actor="user:bob")

    assert (done.report["same"], Order.objects.count()) == (2, 1)


@pytest.mark.django_db
def test_stock_below_what_is_reserved_fails_alone(world):
    spec = _table(InventoryPosition)
    content = (
        b"sku,source,on_hand,safety_stock\nT-1,DC-RNO,7,2\nT-1,NOWHERE,3,\nT-2,DC-RNO,3,\nT-1,DC-RNO,9,\n"
    )
    done = take(
        spec, check(spec, content, name="s.csv", actor="user:a"), mode="good", again=False, actor="user:a"
    )
    position = InventoryPosition.objects.get()
    assert (position.on_hand, position.safety_stock, done.report["taken"]) == (7, 2, 1)
    assert [line for line, _, _ in done.report["failed"]] == [3, 4, 5]


@pytest.mark.django_db
def test_products_and_customers_are_made_and_changed(world):
    spec = _table(Product)
    content = b"sku,name,price\nT-1,Tent XL,120.50\nT-9,Lamp,9\nT-8,Bad,-1\n,No sku,1\n"
    done = take(
        spec, check(spec, content, name="p.csv", actor="user:a"), mode="good", again=False, actor="user:a"
    )
    assert dict(Product.objects.values_list("sku", "name")) == {"T-1": "Tent XL", "T-9": "Lamp"}
    assert [line for line, _, _ in done.report["failed"]] == [4, 5]

    spec = _table(Customer)
    content = b"code,name,email,phone\nC-1,Ann,ann@example.com,+49 30 1234\nC-2,Bob,not an address,\n"
    done = take(
        spec, check(spec, content, name="c.csv", actor="user:a"), mode="good", again=False, actor="user:a"
    )
    assert list(Customer.objects.values_list("code", "phone")) == [("C-1", "+49 30 1234")]
    assert "email" in done.report["failed"][0][2]


@pytest.mark.django_db
def test_the_whole_way_in_the_browser_and_back_out(browse, world):
    client = browse("Integrator")
    upload = SimpleUploadedFile("../../x\0.csv", b"\n".join(ORDERS.splitlines()[:3]))
    answer = client.post(reverse("admin:orders_order_import_table"), {"file": upload})
    page = client.get(answer["Location"])
    assert "nothing is changed yet" in page.content.decode()
    client.post(answer["Location"], {"mode": "all"})
    assert Order.objects.get().external_id == "A-1"

    exported = client.get(reverse("admin:orders_order_export_csv")).content
    spec = _table(Order)
    again = check(spec, exported, name="back.csv", actor="user:a")
    assert again.report["failed"] == [] or "A-1 came before" in again.report["failed"][0][2]
    assert client.get(reverse("admin:orders_order_export_xlsx")).content.startswith(b"PK")


@pytest.mark.django_db
def test_an_export_has_the_rows_that_the_list_shows(browse, make_orders):
    new, draft = make_orders(2, prefix="NEW"), make_orders(1, prefix="DRAFT", draft=True)
    client, address = browse("Order desk"), reverse("admin:orders_order_export_csv")

    page = client.get(reverse("admin:orders_order_changelist"), {"state": "draft"}).content.decode()
    assert f"{address}?state=draft" in page
    filtered = client.get(address, {"state": "draft"}).content.decode()
    whole = client.get(address).content.decode()

    assert filtered.count("DRAFT-") == len(draft) and "NEW-" not in filtered
    assert whole.count("NEW-") == len(new) and "DRAFT-" in whole
    assert client.get(address, {"no_such": "1"}).status_code == 404


@pytest.mark.django_db
def test_who_may_only_look_can_not_import(browse, world):
    client = browse("Auditor")
    file = ImportedFile.objects.create(kind="orders", digest="x", name="x", report={"failed": []}, actor="a")
    for model in ("orders_order", "orders_customer", "inventory_product", "inventory_inventoryposition"):
        assert client.post(reverse(f"admin:{model}_import_table")).status_code == 403
    assert client.get(reverse("admin:orders_order_imported", args=[file.pk])).status_code == 403


@pytest.mark.django_db
def test_an_import_of_many_orders_costs_queries_by_chunk_not_by_row(world, django_assert_max_num_queries):
    head, line = ORDERS.splitlines()[:2]
    content = b"\n".join([head, *(line.replace(b"A-1", b"B-%d" % n) for n in range(400))])
    rows = tabular.read(content, columns=_table(Order).columns, required=()).rows
    with django_assert_max_num_queries(20):
        report = take_rows(_table(Order), rows, actor="test")
    assert (report.taken, Order.objects.count()) == (400, 400)


@pytest.mark.django_db
def test_a_bad_row_names_its_line_once_and_the_others_of_its_order_say_whose_fault_it_is(world):
    content = ORDERS.replace(b"T-1,1,12.00", b"T-1,many,12.00")
    file = check(_table(Order), content, name="orders.csv", actor="user:ann")

    sentence = "quantity “many” is not a whole number"
    told = {line: reason for line, _, reason in file.report["failed"] if line < 4}
    assert told == {2: f"not taken because of line 3: {sentence}", 3: sentence}
    rows = failed_rows(file).decode().splitlines()
    assert [row.rsplit(",", 1)[1] for row in rows[1:3]] == [f"line {n}: {told[n]}" for n in (2, 3)]
