"""Three roads that people walk, each in a real browser: an order by hand, a file with bad rows, a flow that changes."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from fulfillment.models import FulfillmentOrder
from fulfillment.services.execution import record_invoices
from fulfillment.types import InvoiceRow
from inventory.models import FulfillmentSource, InventoryPosition, Product
from orchestration.engine.advance import drain
from orchestration.models import FlowRun
from orchestration.services import publishing
from orders.models import Order

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
EXAMPLE = Path(__file__).parents[2] / "orchestration/flows/order_to_invoice.json"
BAD_ROWS = """sku,name,price
GOOD-1,Good lamp,12.50
,Nameless,1.00
BAD-1,Free of price,many
BAD-2,Below nothing,-3
GOOD-2,Better lamp,15
"""


@pytest.fixture(autouse=True)
def flows_listen(settings, own_listener):
    listeners = ["orchestration.listeners.on_events", "insights.listeners.on_events"]
    settings.IOM = {**settings.IOM, "ON_EVENTS": listeners}


@pytest.fixture
def stocked(definitions, product, source):
    """The lamp of the cast, in Reno, where the published example flow looks for it."""
    InventoryPosition.objects.create(product=product, source=source, on_hand=50)
    FulfillmentSource.objects.create(code="DC-CMH", name="Columbus")  # the example's policies name it
    flow = publishing.import_flow(json.loads(EXAMPLE.read_text()), actor="test")
    publishing.publish(flow.pk, actor="test")
    return flow


def by_hand(page, address: str, product, units: tuple[int, ...]) -> Order:
    """Fill in the form of a new order, one line for each number of units, and save it."""
    page.goto(f"{address}/admin/orders/order/add/")
    for name, value in (
        ("customer_name", "Ada Moss"), ("customer_email", "ada@example.com"), ("customer_phone", "+1 775 555 0100"),
        ("ship_to_name", "Ada Moss"), ("ship_to_line1", "1 Main Street"), ("ship_to_city", "Reno"),
        ("ship_to_region", "NV"), ("ship_to_postal_code", "89501"), ("ship_to_country", "US"),
    ):  # fmt: skip
        page.fill(f"#id_{name}", value)
    for row, quantity in enumerate(units):
        page.fill(f"#id_lines-{row}-sku", product.sku)
        page.fill(f"#id_lines-{row}-description", product.name)
        page.fill(f"#id_lines-{row}-quantity", str(quantity))
        page.fill(f"#id_lines-{row}-unit_price", "20.00")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("saved as a draft")).to_be_visible()
    return Order.objects.latest("pk")


def press(page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).first.click()
    page.wait_for_load_state()


def test_an_order_by_hand_goes_to_its_invoice(browser_page, live_server, stocked, product, source):
    page, address = browser_page, live_server.url
    order = by_hand(page, address, product, (2, 3))
    page.goto(f"{address}/orders/{order.pk}/")
    press(page, "Orchestrate")
    drain()

    page.goto(f"{address}/fulfillment/?source={source.code}")
    work = FulfillmentOrder.objects.get(order=order)
    for button, column in (("Accept", "Accepted"), ("Start picking", "Picking"), ("Packed", "Packed")):
        card = page.locator(".iom-work", has_text=work.number)
        card.get_by_role("button", name=button, exact=True).click()
        expect(
            page.locator(".iom-column", has_text=column).locator(".iom-work", has_text=work.number)
        ).to_be_visible()
    card = page.locator(".iom-work", has_text=work.number)
    card.locator("summary", has_text="Ship").click()
    card.get_by_label("Carrier").fill("UPS")
    card.get_by_role("button", name=f"Ship {work.number}").click()
    expect(page.locator(".iom-column", has_text="Shipped today").get_by_text(work.number)).to_be_visible()
    drain()
    record_invoices([InvoiceRow(work.pk, "INV-1", order.total_minor, "USD", order.placed_at)], actor="test")
    drain()

    page.goto(f"{address}/orders/{order.pk}/")
    expect(page.get_by_text("Invoice INV-1")).to_be_visible()
    order.refresh_from_db()
    assert order.state == "completed"


def test_three_bad_rows_are_shown_kept_and_left_out(browser_page, live_server, definitions):
    page = browser_page
    page.goto(f"{live_server.url}/admin/inventory/product/import-table")
    page.set_input_files(
        "input[type=file]", {"name": "lamps.csv", "mimeType": "text/csv", "buffer": BAD_ROWS.encode()}
    )
    page.get_by_role("button", name="Import products").click()
    expect(page.get_by_text("nothing is changed yet")).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(3)
    assert not Product.objects.exists()

    with page.expect_download() as download:
        page.get_by_text("Download the rows with errors").click()
    kept = Path(download.value.path()).read_text()
    assert [name in kept for name in ("Nameless", "BAD-1", "BAD-2", "GOOD-1")] == [True, True, True, False]

    page.get_by_label("Take the good rows, leave the others").check()
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("Imported.", exact=True)).to_be_visible()
    assert sorted(Product.objects.values_list("sku", flat=True)) == ["GOOD-1", "GOOD-2"]


def test_a_republished_flow_leaves_old_orders_on_the_old_version(
    browser_page, live_server, stocked, make_order, product
):
    page, flow = browser_page, f"{live_server.url}/admin/orchestration/flow/{stocked.pk}"
    old = make_order(
        ship_to_country="US", ship_to_city="Reno", customer_phone="1", customer_email="a@example.com"
    )
    drain()
    page.goto(f"{flow}/stop")
    page.get_by_role("button", name="Stop").last.click()
    expect(page.get_by_text("is unpublished now").first).to_be_visible()

    page.goto(f"{flow}/change/")
    draft = page.locator("textarea[name=draft]")
    draft.fill(draft.input_value().replace("Validate order header", "Look at the header"))
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_load_state()
    page.goto(f"{flow}/publish")
    page.get_by_role("button", name="Publish").last.click()
    expect(page.get_by_text("published as version 2").first).to_be_visible()

    new = make_order(
        ship_to_country="US", ship_to_city="Reno", customer_phone="1", customer_email="a@example.com"
    )
    drain()
    versions = dict(FlowRun.objects.values_list("order_id", "version__number"))
    assert versions == {old.pk: 1, new.pk: 2}
    for order, name in ((old, "Validate order header"), (new, "Look at the header")):
        page.goto(f"{live_server.url}/orders/{order.pk}/")
        expect(page.locator(".iom-node-name", has_text=name)).to_be_visible()
