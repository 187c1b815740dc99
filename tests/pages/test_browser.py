"""One order in a real browser: its page, the worklist, the shipment."""

import pytest

from fulfillment.models import FulfillmentOrder
from inventory.models import InventoryPosition

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_an_order_is_shipped_from_the_worklist(
    browser_page, live_server, definitions, make_order, make_fulfillment_order, move, product, source
):
    order = make_order(external_id="BC-4711")
    work = make_fulfillment_order(order)
    move("fulfillment_order.sent", work)
    InventoryPosition.objects.create(product=product, source=source, on_hand=10)
    outside, broken = [], []
    browser_page.on(
        "request", lambda r: outside.append(r.url) if not r.url.startswith(live_server.url) else None
    )
    browser_page.on("pageerror", lambda error: broken.append(str(error)))

    browser_page.goto(f"{live_server.url}/orders/{order.pk}/")
    assert browser_page.locator(".iom-number").inner_text() == order.number
    assert "BC-4711" in browser_page.locator("#order-head").inner_text()

    browser_page.goto(f"{live_server.url}/fulfillment/?source={source.code}")
    card = browser_page.locator(".iom-work", has_text=work.number)
    card.locator("summary", has_text="Ship").click()
    card.get_by_label("Carrier").fill("UPS")
    card.get_by_label("Tracking number").fill("1Z999")
    card.get_by_role("button", name=f"Ship {work.number}").click()
    browser_page.locator(".iom-column", has_text="Shipped today").get_by_text("1Z999").wait_for()

    assert FulfillmentOrder.objects.get(pk=work.pk).state == "shipped"
    assert [url for url in outside if not url.startswith(("data:", "blob:"))] == []
    assert broken == []


@pytest.mark.parametrize("address", ["/", "/attention/", "/insights/", "/fulfillment/"])
def test_no_page_scrolls_sideways_on_a_phone(address, browser_page, live_server, make_order, definitions):
    make_order()
    browser_page.set_viewport_size({"width": 390, "height": 844})
    browser_page.goto(live_server.url + address)

    assert browser_page.evaluate("document.documentElement.scrollWidth") <= 390
