"""The editor by keyboard alone, in a real browser: every operation of section 1, and a hundred steps without lag."""

import os

import pytest

from orchestration.models import Flow

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def step(key):
    return {"kind": "action", "key": key, "name": key.capitalize(), "action": "custom"}


@pytest.fixture
def editor(chromium_path, live_server, monkeypatch, boss, client):
    """`editor(steps)`: the page of a flow with these steps; nothing is ever clicked."""
    from playwright.sync_api import sync_playwright

    monkeypatch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=FLAGS)
        context = browser.new_context(viewport={"width": 1440, "height": 960}, color_scheme="dark")
        context.add_cookies(
            [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}]
        )
        page = context.new_page()
        page.set_default_timeout(15_000)

        def open_(steps):
            draft = {"entry": {"events": ["order.new"], "filters": []}, "steps": steps}
            flow = Flow.objects.create(key="demo", name="Demo", draft=draft)
            page.goto(f"{live_server.url}/flows/{flow.pk}/")
            return page

        yield open_
        browser.close()


def settled(page):
    page.wait_for_function("!document.querySelector('[data-designer]')?.hasAttribute('aria-busy')")


def go(page, selector, key="Enter"):
    """Focus by keyboard's own means is Tab; what can have it at all is asked for here, then a key is pressed."""
    found = page.locator(selector).first
    found.focus()
    assert found.evaluate("part => part === document.activeElement && part.tabIndex >= 0"), selector
    page.keyboard.press(key)
    settled(page)


def drawn():
    def keys(nodes):
        for node in nodes:
            yield node["key"]
            for branch in node.get("branches", []):
                yield from keys(branch["steps"])

    return list(keys(Flow.objects.get().draft["steps"]))


def button(words):
    return f"#panel button:has-text('{words}')"


def test_every_operation_is_done_by_keyboard(editor):
    page = editor([step("one"), step("two"), step("three")])
    assert page.evaluate("document.documentElement.classList.contains('dark')")

    # arrows go from tile to tile, Enter opens the panel with its first field in focus
    page.locator("#tile-one").focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.id") == "tile-two"
    page.keyboard.press("Enter")
    settled(page)
    assert page.evaluate("document.activeElement.id") == "id_name"

    # move, duplicate
    go(page, button("Up"))
    assert drawn() == ["two", "one", "three"]
    go(page, button("Down"))
    assert drawn() == ["one", "two", "three"]
    go(page, button("Duplicate"))
    assert drawn() == ["one", "two", "two-copy", "three"]

    # delete by key, undo and redo by key
    page.locator("#tile-two-copy").focus()
    page.keyboard.press("Enter")
    settled(page)
    page.locator("#tile-two-copy").focus()
    page.keyboard.press("Delete")
    settled(page)
    page.keyboard.press("Enter")
    settled(page)
    assert drawn() == ["one", "two", "three"]
    page.locator("#tile-one").focus()
    page.keyboard.press("Control+z")
    settled(page)
    assert drawn() == ["one", "two", "two-copy", "three"]
    page.locator("#tile-one").focus()
    page.keyboard.press("Control+y")
    settled(page)
    assert drawn() == ["one", "two", "three"]

    # insert an element at a gap, name a branch, move a step into it
    go(page, "[data-gap]")
    page.keyboard.type("Ways")
    go(page, "button[name=what][value=splitter_merge]")
    page.locator("#new-branch").focus()
    page.keyboard.type("Third")
    page.keyboard.press("Enter")
    settled(page)
    assert [branch["name"] for branch in Flow.objects.get().draft["steps"][0]["branches"]] == [
        "Branch 1", "Branch 2", "Third",
    ]  # fmt: skip
    go(page, "#tile-three")
    page.locator("#move-to").focus()
    page.keyboard.press("Home")
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    assert page.locator("#move-to option:checked").inner_text() == "In “Third” of Ways, first"
    go(page, "#panel button:has-text('Move there')")
    assert Flow.objects.get().draft["steps"][0]["branches"][2]["steps"][0]["key"] == "three"

    # settings saved by key, panel closed by key, zoom
    page.locator("#id_name").focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("Renamed")
    page.keyboard.press("Control+s")
    settled(page)
    assert "Renamed" in str(Flow.objects.get().draft)
    page.keyboard.press("Escape")
    settled(page)
    assert page.locator("#panel").count() == 0
    go(page, "[data-zoom-fit]")
    go(page, "[data-zoom-by='1']")
    assert float(page.locator("[data-drawing]").evaluate("part => part.style.zoom || 1")) > 0.25


def test_a_hundred_steps_answer_at_once_and_fit(editor):
    page = editor([step(f"s{n}") for n in range(100)])

    took = page.evaluate("""async () => {
        const frames = [], canvas = document.querySelector('[data-canvas]');
        await new Promise(r => requestAnimationFrame(r));
        for (let n = 0; n < 30; n++) {
            const began = performance.now();
            canvas.scrollTop += 200;
            canvas.getBoundingClientRect();
            document.querySelectorAll('[data-tile]')[n].focus({preventScroll: true});
            frames.push(performance.now() - began);
            await new Promise(r => requestAnimationFrame(r));
        }
        return frames.sort((a, b) => a - b)[15];
    }""")
    assert took < 16, f"half of all frames need more than {took:.1f} ms of script and layout"
    go(page, "[data-zoom-fit]")
    assert page.locator("[data-tile]").count() == 100
    go(page, "#tile-s99")
    go(page, button("Up"))
    assert drawn()[-2:] == ["s99", "s98"]


def focused(page):
    """What has the focus: its id, or what it is called."""
    return page.evaluate(
        "(e => e.id || e.dataset.key || e.getAttribute('aria-label') || e.textContent.trim().slice(0, 40))(document.activeElement)"
    )


def tab_to(page, selector, *, back=False, within=60):
    """By Tab alone, as a person without a mouse; fails when it takes too long. Returns how many it took."""
    for count in range(within):
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return count
        page.keyboard.press("Shift+Tab" if back else "Tab")
    raise AssertionError(f"{selector} is not within {within} Tabs; the focus is at {focused(page)}")


def press(page, key):
    page.keyboard.press(key)
    settled(page)


def test_tab_goes_through_the_drawing_in_its_order(editor):
    page = editor([step("one"), step("two")])
    page.locator("[data-canvas]").focus()

    seen = []
    for _ in range(12):
        page.keyboard.press("Tab")
        seen.append(focused(page))
    drawing = seen[seen.index("Insert first") :]
    assert drawing[:5] == ["Insert first", "tile-one", "Insert after One", "tile-two", "Insert after Two"]
    assert (
        page.evaluate(
            'document.querySelectorAll(\'[tabindex]:not([tabindex="0"]):not([tabindex="-1"])\').length'
        )
        == 0
    )


def test_the_focus_returns_to_where_one_was(editor):
    page = editor([step("one"), step("two"), step("three")])

    # into the panel and back to the tile
    page.locator("[data-canvas]").focus()
    tab_to(page, "#tile-two")
    press(page, "Enter")
    assert focused(page) == "id_name"
    press(page, "Escape")
    assert focused(page) == "tile-two" and page.locator("#panel").count() == 0

    # to a gap, its palette and back; then insert there, and Escape goes to the new step
    tab_to(page, "[data-gap]")
    assert focused(page) == "Insert after Two"
    press(page, "Enter")
    assert focused(page) == "new-name"
    press(page, "Escape")
    assert focused(page) == "Insert after Two"
    press(page, "Enter")
    page.keyboard.type("Fresh")
    tab_to(page, "button[name=what][value=custom]")
    press(page, "Enter")
    assert drawn() == ["one", "two", "fresh", "three"] and focused(page) == "id_name"
    press(page, "Escape")
    assert focused(page) == "tile-fresh"

    # moved twice with the same button, without looking for it again
    press(page, "Enter")
    tab_to(page, "#panel button[name=by][value=up]", back=True)
    press(page, "Enter")
    assert drawn() == ["one", "fresh", "two", "three"]
    press(page, "Enter")
    assert drawn() == ["fresh", "one", "two", "three"]

    # a setting saved by key: the focus stays in its field
    tab_to(page, "#id_notes")
    page.keyboard.type("Why")
    press(page, "Control+s")
    assert focused(page) == "id_notes"
    assert Flow.objects.get().draft["steps"][0]["notes"] == "Why"

    # duplicated: the copy's panel; Escape goes to the copy
    tab_to(page, "#panel form:has(input[value=duplicate]) button", back=True)
    press(page, "Enter")
    assert focused(page) == "id_name" and drawn()[:2] == ["fresh", "fresh-copy"]
    press(page, "Escape")
    assert focused(page) == "tile-fresh-copy"

    # deleted: the tile that took its place; undone: the same tile is there again
    press(page, "Enter")
    page.locator("#tile-fresh-copy").focus()
    press(page, "Delete")
    press(page, "Enter")
    assert drawn() == ["fresh", "one", "two", "three"] and focused(page) == "tile-one"
    press(page, "Control+z")
    assert drawn()[1] == "fresh-copy" and focused(page).startswith("tile-")

    # undo as a button keeps the focus on the button
    page.locator("[data-canvas]").focus()
    tab_to(page, "button[data-key=undo]", back=True)
    press(page, "Enter")
    assert drawn() == ["fresh", "one", "two", "three"] and focused(page) == "undo"


def test_a_flow_is_published_by_keyboard(editor):
    page = editor([step("one")])
    page.locator("[data-canvas]").focus()
    tab_to(page, "a[href$='/publish/']", back=True)
    page.keyboard.press("Enter")
    page.wait_for_url("**/publish/")
    page.locator("main, body").first.focus()
    tab_to(page, "form[action*='/publish/'] button, form button.iom-primary", within=120)
    page.keyboard.press("Enter")
    page.locator("[data-canvas]").wait_for()

    assert Flow.objects.get().status == "published"
