from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory.models import InventoryPosition
from orchestration.engine.graph import compile_steps
from orchestration.models import Flow, FlowVersion, StepResult, StepRun
from orders.models import BusinessEvent, Hold, IdempotentRequest, Order, OrderNote
from providers.models import ConnectionGate, InboxMessage, ProviderConnection, ProviderRequest, RequestAttempt

PAGES = ["/", "/attention/", "/insights/", "/fulfillment/"]


def _action(key, name, action):
    return {"kind": "action", "key": key, "name": name, "action": action}


DRAWING = {
    "entry": {"events": ["order.new"], "filters": []},
    "steps": [
        _action("validate-header", "Validate order header", "validate_order_header"),
        {
            "kind": "condition_merge", "key": "header-valid", "name": "Header valid?", "yes": [],
            "no": [_action("hold-header", "Hold for correction", "hold")],
        },
        _action("validate-lines", "Validate order lines", "validate_order_line"),
        _action("source", "Find fulfillment source", "send_to_dom"),
        {
            "kind": "condition", "key": "stock-found", "name": "Stock found?",
            "yes": [_action("wait-shipped", "Wait for shipment", "wait"), _action("invoice", "Send to invoice", "custom")],
            "no": [_action("hold-backorder", "Backorder hold", "hold")],
        },
    ],
}  # fmt: skip


@pytest.fixture
def flow(definitions):
    found = Flow.objects.create(key="demo", name="Order to invoice", draft=DRAWING)
    compiled = {"entry": DRAWING["entry"], "steps": compile_steps(DRAWING["steps"]), "policies": {}}
    found.live_version = FlowVersion.objects.create(
        flow=found, number=1, definition=DRAWING, compiled=compiled
    )
    return found


@pytest.fixture
def make_run(flow):
    def make(order, *, step="wait-shipped", state=StepRun.State.WAITING, **token):
        now = timezone.now()
        run = flow.runs.create(
            version=flow.live_version, order=order, state="waiting", start_event_id=1, started_at=now
        )
        done = ["validate-header", "header-valid", "validate-lines", "source", "stock-found"]
        for key in done:
            detail = {"branch": "yes"} if key in ("header-valid", "stock-found") else {"n": 1}
            StepResult.objects.create(run=run, order=order, step=key, result="success", detail=detail, at=now)
        values = {"waiting_for": "fulfillment_order.shipped", "entered_at": now - timedelta(minutes=12)}
        StepRun.objects.create(run=run, step=step, state=state, **{**values, **token})
        return run

    return make


@pytest.fixture
def connection_row(db):
    found = ProviderConnection.objects.create(
        key="parcel", name="Parcel 3PL", provider="threepl", status="active"
    )
    ConnectionGate.objects.create(connection=found, health="down", last_error="Connection refused")
    return found


def _granted(client, *names):
    user = User.objects.create_user("someone", password="secret", is_staff=True)
    for name in names:
        app, codename = name.split(".")
        user.user_permissions.add(Permission.objects.get(codename=codename, content_type__app_label=app))
    client.force_login(user)
    return user


# -- who may see them ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [*PAGES, "/orders/1/"])
def test_strangers_are_asked_to_log_in(address, client, db):
    response = client.get(address)

    assert response.status_code == 302
    assert response.url.startswith("/admin/login/?next=")


@pytest.mark.parametrize("address", [*PAGES[1:], "/orders/1/"])
def test_who_lacks_the_permission_is_told_which(address, client, nobody):
    response = client.get(address)

    assert response.status_code == 403
    assert "It needs the permission" in response.content.decode()


def test_home_shows_nobody_what_they_may_not_open(client, nobody):
    page = client.get("/").content.decode()

    assert "Your roles do not open any page yet" in page
    assert "Needs attention" not in page.split('id="iom-main"')[1]


@pytest.mark.parametrize("address", PAGES)
def test_every_page_opens_on_an_empty_system(address, client, boss):
    assert client.get(address).status_code == 200


# -- home and attention -------------------------------------------------------------------------------------------


def test_home_counts_what_needs_somebody(client, boss, make_order, make_run, connection_row):
    make_run(make_order(promised_at=timezone.now() - timedelta(hours=1)), state="failed", error="No price")

    page = client.get("/?part=live").content.decode()

    assert "1 stopped step<" in page or "1 stopped step," in page
    assert "1 of them late already" in page
    assert "1 down" in page


def test_attention_groups_by_cause_and_leads_to_the_orders(
    client, boss, make_order, make_run, connection_row
):
    orders = [make_order() for _ in range(3)]
    for order in orders:
        make_run(order, step="invoice", state="failed", error_code="policy_failed", error="No price")
    Hold.objects.create(
        order=orders[0], type="fraud", reason="Score 92", placed_by="user:anna", placed_at=timezone.now()
    )
    InboxMessage.objects.create(
        connection=connection_row, external_message_id="m-1", topic="store/order/created", body=b"{", state="parked",
        code="bad_json", received_at=timezone.now(),
    )  # fmt: skip

    page = client.get("/attention/").content.decode()

    assert "stopped at invoice" in page
    assert all(f"/orders/{order.pk}/" in page for order in orders)
    assert "Fraud check hold" in page
    assert "store/order/created not understood" in page
    assert "Connection refused" in page


def test_a_path_that_stands_longer_than_expected_is_stuck_but_a_held_one_is_not(
    client, boss, make_order, make_run
):
    long_ago = timezone.now() - timedelta(hours=9)
    make_run(make_order(), entered_at=long_ago)
    make_run(make_order(), entered_at=long_ago, waiting_for="release of the fraud hold")

    page = client.get("/?part=live").content.decode()

    assert "In one step for longer than usual" in page
    assert "<b>1</b><span>In one step" in page.replace("\n", "").replace("  ", "")


# -- order page ---------------------------------------------------------------------------------------------------


def test_order_page_says_where_it_stands_and_what_comes_next(
    client, boss, make_order, make_run, make_fulfillment_order, move, product, source
):
    order = make_order(lines=2, external_id="BC-77")
    InventoryPosition.objects.create(product=product, source=source, on_hand=9, reserved=2)
    move("order.validated", order)
    make_run(order)
    move("fulfillment_order.sent", make_fulfillment_order(order))
    OrderNote.objects.create(order=order, text="Called the customer", author="user:anna")

    page = client.get(f"/orders/{order.pk}/").content.decode()

    assert order.number in page
    assert "BC-77" in page
    assert "Wait for shipment: waiting for shipment by Reno since" in page
    assert "Next: send to invoice." in page
    assert "Called the customer" in page
    assert 'iom-node-done" id="node-' in page.replace("'", '"')
    assert "Order lines" not in page.split("<h1")[0]


def test_order_page_tells_a_hold_with_its_reason(client, boss, make_order, make_run):
    order = make_order()
    make_run(order)
    Hold.objects.create(
        order=order, type="credit", reason="Over the limit.", placed_by="flow", placed_at=timezone.now()
    )

    page = client.get(f"/orders/{order.pk}/").content.decode()

    assert "On hold (credit) since" in page
    assert "Over the limit." in page


def test_a_stopped_step_says_why(client, boss, make_order, make_run):
    order = make_order()
    make_run(order, step="invoice", state="failed", error_code="refused", error="Tax id <missing>")

    page = client.get(f"/orders/{order.pk}/").content.decode()

    assert "Stopped at Send to invoice" in page
    assert "Tax id &lt;missing&gt;" in page
    assert "iom-node-failed" in page


def test_unknown_order_offers_a_search(client, boss, definitions):
    response = client.get("/orders/987654/")

    assert response.status_code == 404
    assert "There is no order SO-988654" in response.content.decode()


def test_messages_are_pretty_and_secrets_are_masked(client, boss, make_order, definitions, connection_row):
    order = make_order()
    InboxMessage.objects.create(
        connection=connection_row, external_message_id="m-1", topic="order", headers={"X-Auth-Token": "hunter2"},
        body=b'{"id": 7, "api_key": "hunter3"}', order=order, received_at=timezone.now(), state="done",
    )  # fmt: skip
    request = ProviderRequest.objects.create(
        key="run:1/send/1", connection=connection_row, action="threepl.send", payload={"password": "hunter4", "a": [1]},
        entity="fulfillment_order", record_id=1, order=order, created_at=timezone.now(), state="unknown",
    )  # fmt: skip
    RequestAttempt.objects.create(
        request=request, number=1, result="unknown", detail="timed out", at=timezone.now()
    )

    page = client.get(f"/orders/{order.pk}/?tab=messages").content.decode()

    assert "hunter" not in page
    assert "&quot;id&quot;: 7" in page
    assert "timed out" in page


def _cost(client, address):
    cache.clear()  # what is kept for seconds is kept from now on
    client.get(address)  # content types, usual times, sidebar counts
    with CaptureQueriesContext(connection) as found:
        assert client.get(address).status_code == 200
    return len(found)


def test_order_page_costs_the_same_for_one_and_for_two_hundred(
    client, boss, make_order, make_run, make_fulfillment_order
):
    small, large = make_order(lines=1), make_order(lines=200)
    for order in (small, large):
        make_run(order)
        make_fulfillment_order(order)
    now = timezone.now()
    BusinessEvent.objects.bulk_create(
        BusinessEvent(kind=f"order.k{n}", entity="order", record_id=large.pk, order=large, at=now, actor="x")
        for n in range(500)
    )

    costs = [_cost(client, f"/orders/{order.pk}/") for order in (small, large)]

    assert costs[0] == costs[1]
    assert costs[0] <= 25
    page = client.get(f"/orders/{large.pk}/").content.decode()
    assert "The first 50 of 200" in page
    assert "Show older" in page


def test_messages_tab_costs_the_same_for_one_and_for_two_hundred(
    client, boss, make_order, definitions, connection_row
):
    small, large = make_order(), make_order()
    for order, count in ((small, 1), (large, 200)):
        ProviderRequest.objects.bulk_create(
            ProviderRequest(
                key=f"{order.pk}/{n}", connection=connection_row, action="threepl.send", payload={}, entity="x", record_id=n,
                order=order, created_at=timezone.now(),
            )
            for n in range(count)
        )  # fmt: skip

    costs = [_cost(client, f"/orders/{order.pk}/?tab=messages") for order in (small, large)]

    assert costs[0] == costs[1] <= 25


def test_older_entries_of_the_timeline_come_on_demand(client, boss, make_order, definitions):
    order = make_order()
    now = timezone.now()
    BusinessEvent.objects.bulk_create(
        BusinessEvent(kind=f"old.{n:03}", entity="order", record_id=order.pk, order=order, at=now, actor="x")
        for n in range(120)
    )
    first = client.get(f"/orders/{order.pk}/").content.decode()
    before = first.split("timeline/?before=")[1].split('"')[0]

    older = client.get(f"/orders/{order.pk}/timeline/?before={before}&part=entries").content.decode()

    assert "old.119" in first
    assert "old.119" not in older
    assert "old.050" in older
    assert client.get(f"/orders/{order.pk}/timeline/?before=zzz").status_code == 200


# -- actions ------------------------------------------------------------------------------------------------------


def test_hold_and_release_from_the_page(client, boss, make_order, definitions):
    order = make_order()

    response = client.post(
        f"/orders/{order.pk}/hold/",
        {"type": "manual", "reason": "Look at it", "once": "a", "next": f"/orders/{order.pk}/"},
    )

    assert response.url == f"/orders/{order.pk}/"
    assert Order.objects.get(pk=order.pk).state == "on_hold"
    client.post(f"/orders/{order.pk}/release/", {"once": "b"})
    assert Order.objects.get(pk=order.pk).state != "on_hold"


def test_a_form_that_is_sent_twice_acts_once(client, boss, make_order, definitions):
    order = make_order()
    for _ in range(2):
        client.post(f"/orders/{order.pk}/note/", {"text": "Called", "once": "same"})

    assert OrderNote.objects.count() == 1
    assert IdempotentRequest.objects.count() == 1


def test_a_refused_form_gives_its_token_back(client, boss, definitions):
    response = client.post("/orders/4711/note/", {"text": "Called", "once": "same"}, follow=True)

    assert "There is no order" in response.content.decode()
    assert IdempotentRequest.objects.count() == 0


@pytest.mark.parametrize("action", ["hold", "release", "orchestrate", "note", "cancel"])
def test_actions_need_the_permission_and_a_post(action, client, make_order):
    order = make_order()
    _granted(client, "orders.view_order")
    assert client.post(f"/orders/{order.pk}/{action}/", {"text": "x", "reason": "x"}).status_code == 403

    client.logout()
    _granted_again = User.objects.create_superuser("root")
    client.force_login(_granted_again)
    assert client.get(f"/orders/{order.pk}/{action}/").status_code == 405


def test_forms_never_lead_to_another_site(client, boss, make_order, definitions):
    order = make_order()
    response = client.post(f"/orders/{order.pk}/note/", {"text": "x", "next": "https://evil.example/"})

    assert response.url == "/"


def test_cancel_needs_a_reason_and_says_what_happened(client, boss, make_order, definitions):
    order = make_order()
    client.post(f"/orders/{order.pk}/cancel/", {"reason": "  "})
    assert Order.objects.get(pk=order.pk).state == "new"

    client.post(f"/orders/{order.pk}/cancel/", {"reason": "Customer called"})
    assert Order.objects.get(pk=order.pk).state == "canceled"


# -- worklist -----------------------------------------------------------------------------------------------------


def _sent(make_order, make_fulfillment_order, move, count=1):
    found = []
    for _ in range(count):
        work = make_fulfillment_order(make_order())
        move("fulfillment_order.sent", work)
        found.append(work)
    return found


def test_who_may_only_look_sees_the_worklist_without_buttons(
    client, nobody, make_order, make_fulfillment_order, move, source, definitions
):
    (work,) = _sent(make_order, make_fulfillment_order, move)
    nobody.user_permissions.add(Permission.objects.get(codename="view_fulfillmentorder"))

    page = client.get(f"/fulfillment/?source={source.code}")

    assert page.status_code == 200
    assert work.number in page.content.decode()
    assert 'name="one"' not in page.content.decode()
    assert client.post("/fulfillment/act/", {"one": f"accept:{work.pk}"}).status_code == 403


def test_the_rows_behind_due_today_are_as_many_as_it_says(client, boss, make_order, definitions):
    now = timezone.now()
    make_order(promised_at=now - timedelta(minutes=1))
    make_order(promised_at=now + timedelta(days=3))
    card = next(card for card in client.get("/").context["cards"] if card.key == "due")

    assert card.count == "1"
    assert client.get(card.url).context["cl"].result_count == 1


def test_the_worklist_moves_a_selection_from_new_to_shipped(
    client, boss, make_order, make_fulfillment_order, move, product, source, definitions
):
    first, second = _sent(make_order, make_fulfillment_order, move, 2)
    InventoryPosition.objects.create(product=product, source=source, on_hand=50, reserved=0)
    page = client.get(f"/fulfillment/?source={source.code}").content.decode()
    assert first.number in page

    for step in ("accept", "pick", "pack"):
        client.post("/fulfillment/act/", {"ids": [first.pk, second.pk], "action": step, "once": step})
    client.post(
        "/fulfillment/act/",
        {
            "one": f"ship:{first.pk}",
            f"carrier-{first.pk}": "UPS",
            f"tracking-{first.pk}": "1Z99",
            "once": "ship",
        },
    )

    first, second = (type(w).objects.get(pk=w.pk) for w in (first, second))
    assert (first.state, second.state) == ("shipped", "packed")
    assert first.shipments.get().tracking_number == "1Z99"
    assert "1Z99" in client.get("/fulfillment/").content.decode()


def test_shipping_needs_a_carrier_and_rejecting_a_reason(
    client, boss, make_order, make_fulfillment_order, move, definitions
):
    (work,) = _sent(make_order, make_fulfillment_order, move)

    for action in ("ship", "reject", "juggle"):
        response = client.post("/fulfillment/act/", {"one": f"{action}:{work.pk}"}, follow=True)
        assert response.status_code == 200
    assert type(work).objects.get(pk=work.pk).state == "sent"

    client.post("/fulfillment/act/", {"one": f"reject:{work.pk}", f"reason-{work.pk}": "Broken"})
    assert type(work).objects.get(pk=work.pk).state == "rejected"


def test_the_source_is_remembered(client, boss, make_source, definitions):
    make_source("DC-CMH", name="Columbus"), make_source("ST-CHI", name="Chicago")
    client.get("/fulfillment/?source=ST-CHI")

    assert '<option value="ST-CHI" selected>' in client.get("/fulfillment/").content.decode()


def test_a_column_pages_by_key(client, boss, make_order, make_fulfillment_order, move, definitions):
    work = _sent(make_order, make_fulfillment_order, move, 23)
    first = client.get("/fulfillment/").content.decode()
    assert work[0].number in first
    assert work[22].number not in first

    second = client.get(f"/fulfillment/?after_sent={work[19].pk}").content.decode()
    assert work[22].number in second
    assert work[0].number not in second


def test_the_worklist_costs_the_same_for_one_and_for_many(
    client, boss, make_order, make_fulfillment_order, move, definitions
):
    _sent(make_order, make_fulfillment_order, move, 1)
    before = _cost(client, "/fulfillment/")
    _sent(make_order, make_fulfillment_order, move, 30)

    assert _cost(client, "/fulfillment/") == before <= 20


# -- insights -----------------------------------------------------------------------------------------------------


def test_insights_show_the_figures_and_keep_filters_in_the_address(
    client, boss, make_order, make_fulfillment_order, move, channel
):
    for _ in range(3):
        make_order()
    move("order.shipped", make_order())

    response = client.get(f"/insights/?range=7d&channel={channel.pk}")

    tiles = {tile.key: tile.value for tile in response.context["tiles"]}
    assert tiles == {
        "orders": "4", "open": "3", "on_time": "100.0 %", "fill": "–", "split": "–", "throughput": tiles["throughput"],
    }  # fmt: skip
    assert f'<option value="{channel.pk}" selected>' in response.content.decode()
    assert 'id="figures"' in response.content.decode()


def test_charts_and_tables_have_the_same_numbers(client, boss, make_order):
    make_order(), make_order()
    response = client.get("/insights/")

    charts = {chart.key: chart for chart in response.context["charts"]}
    assert sum(charts["created"].lines[0].values) == 2
    assert charts["states"].lines[0].values[-1] == 2
    assert sum(values[0] for _, values in charts["backlog"].rows) == 2


def test_a_strange_address_falls_back_to_the_default(client, boss):
    response = client.get("/insights/?range=../..&channel=99999999999999999999")

    assert response.status_code == 200
    assert response.context["scope"].key == "24h"


def test_insights_cost_the_same_for_one_and_for_two_hundred(client, boss, make_order):
    make_order()
    before = _cost(client, "/insights/")
    for _ in range(200):
        make_order()

    assert _cost(client, "/insights/") == before <= 20


@pytest.mark.parametrize("scope", ["range=24h", "range=30d", "channel"])
def test_every_link_of_the_insights_opens_its_rows(client, boss, make_order, channel, definitions, scope):
    make_order()
    scope = f"channel={channel.pk}" if scope == "channel" else scope
    page = client.get(f"/insights/?{scope}").context
    links = [item.url for item in (*page["tiles"], *page["charts"]) if item.url]

    assert links
    for link in links:
        answer = client.get(link)
        assert (link, answer.status_code) == (link, 200)  # an unknown filter would send away with ?e=1
    orders = next(tile for tile in page["tiles"] if tile.name == "Orders")
    assert str(client.get(orders.url).context["cl"].result_count) == orders.value


def test_a_login_without_a_place_to_go_leads_home(client, db):
    User.objects.create_user("ada", password="long-and-secret-1", is_staff=True)

    response = client.post("/admin/login/", {"username": "ada", "password": "long-and-secret-1"})

    assert response.status_code == 302
    assert response.url == "/"
