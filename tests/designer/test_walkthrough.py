"""The first flow that a new person draws, word for word, in a real browser; then orders run through it."""

import os

import pytest

from orchestration.engine.advance import advance
from orchestration.models import Flow, FlowRun, StepResult

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def browser_page(chromium_path, live_server, monkeypatch, boss, client):
    from playwright.sync_api import sync_playwright

    monkeypatch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=FLAGS)
        context = browser.new_context(viewport={"width": 1440, "height": 960})
        cookie = client.cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.broken = []
        page.on("pageerror", lambda error: page.broken.append(str(error)))
        yield page
        assert page.broken == []
        browser.close()


@pytest.fixture
def policies(make_policy):
    make_policy(
        "Filter Policy – BigCommerce", {"field": "channel.key", "op": "equals", "value": "bigcommerce"}
    )
    make_policy("Filter Policy – Orderful", {"field": "channel.key", "op": "equals", "value": "orderful"})
    make_policy(
        "Order header Validation Policy",
        {"field": "ship_to_country", "op": "in", "value": ["US", "CA"]},
        type="execution",
    )


def settled(page):
    page.wait_for_function("!document.querySelector('[data-designer]')?.hasAttribute('aria-busy')")


def press(page, name, **more):
    page.get_by_role("button", name=name, **more).click()
    settled(page)


def choose(page, group, label):
    box = page.locator("#panel fieldset.iom-boxes", has=page.locator("summary", has_text=group))
    if not box.locator("details").evaluate("part => part.open"):
        box.locator("summary").click()
    box.get_by_label(label, exact=True).check()


def draw(page, url):
    page.goto(url)
    page.get_by_role("link", name="Flows").first.click()
    page.get_by_role("link", name="New", exact=True).click()
    page.get_by_label("Name").fill("Test Order flow sample")
    page.get_by_label("Orchestration type").select_option(label="Order orchestration")
    page.get_by_label("Description").fill("My first orchestration flow")
    page.get_by_role("button", name="Create").click()

    page.locator("[data-gap]").first.click()
    settled(page)
    page.get_by_label("Name").fill("Validation split")
    page.locator("button[name=what]", has_text="Splitter-Merge").click()
    settled(page)
    press(page, "Delete Branch 1")
    press(page, "Delete Branch 2")
    for name in ("Order Source 1", "Order Source 2"):
        page.get_by_placeholder("Name of a new branch").fill(name)
        press(page, "Add branch")
    for number, policy in ((1, "Filter Policy – BigCommerce"), (2, "Filter Policy – Orderful")):
        lane = page.locator(".iom-lane", has_text=f"Order Source {number}")
        lane.locator("[data-gap]").first.click()
        settled(page)
        page.get_by_label("Name").fill(f"Test validation {number}")
        page.locator("button[name=what]", has_text="Validate order header").click()
        settled(page)
        choose(page, "Input events", "New order")
        choose(page, "Filter policies", policy)
        choose(page, "Execution policies", "Order header Validation Policy")
        press(page, "Save step")


def publish(page):
    page.get_by_role("link", name="Publish…").click()
    page.get_by_role("button", name="Publish", exact=True).click()
    page.locator("[data-canvas]").wait_for()


def test_the_first_flow_is_drawn_published_and_followed(browser_page, live_server, policies, make_order_of):
    draw(browser_page, live_server.url)
    assert browser_page.locator(".iom-problems").count() == 0
    publish(browser_page)
    flow = Flow.objects.get(name="Test Order flow sample")
    assert (flow.status, flow.description, flow.live_version.number) == (
        "published", "My first orchestration flow", 1,
    )  # fmt: skip

    shop, edi, third = (make_order_of(channel) for channel in ("bigcommerce", "orderful", "amazon"))
    abroad = make_order_of("bigcommerce", country="FR")
    while advance():
        pass

    def told(order):
        return dict(
            StepResult.objects.filter(order=order, step__startswith="test").values_list("step", "result")
        )

    assert told(shop) == {"test-validation-1": "success", "test-validation-2": "skipped"}
    assert told(edi) == {"test-validation-1": "skipped", "test-validation-2": "success"}
    assert told(third) == {"test-validation-1": "skipped", "test-validation-2": "skipped"}
    assert told(abroad) == {"test-validation-1": "failure", "test-validation-2": "skipped"}
    states = dict(FlowRun.objects.values_list("order_id", "state"))
    assert [states[order.pk] for order in (shop, edi, third, abroad)] == ["done", "done", "done", "attention"]
    for order in (shop, edi, third):
        order = type(order).objects.get(pk=order.pk)
        assert order.state_reason == ("validated" if order != third else "")

    # The live version never changes: an edit is the next draft, until the flow is published again.
    page = browser_page
    assert "never changes" in page.locator(".iom-strip").inner_text()
    page.locator("summary", has_text="Stop…").click()
    page.get_by_role("button", name="Stop Test Order flow sample").click()
    page.get_by_text("Unpublished", exact=True).first.wait_for()
    page.locator(".iom-step", has_text="Test validation 2").click()
    settled(page)
    page.locator("#panel [data-settings]").get_by_label("Name").fill("Test validation of Orderful")
    press(page, "Save step")
    flow = Flow.objects.get(pk=flow.pk)
    assert flow.status == "unpublished"
    assert "Test validation of Orderful" in str(flow.draft) and "of Orderful" not in str(
        flow.live_version.compiled["steps"]
    )
    page.get_by_role("link", name="Publish…").click()
    assert (
        "Test validation 2 is now called Test validation of Orderful"
        in page.locator(".iom-diff").inner_text()
    )
    page.get_by_role("button", name="Publish", exact=True).click()
    page.get_by_text("version 2", exact=True).wait_for()
    flow = Flow.objects.get(pk=flow.pk)
    assert (flow.status, flow.live_version.number) == ("published", 2)
