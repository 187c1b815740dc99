"""What a provider refused is corrected on its orders and sent again under its key; what is not surely refused is not."""

import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from flow_words import action

from insights.exceptions import KINDS, groups_of
from orchestration.models import FlowRun, RepairJob, RepairRow
from orchestration.services import repair_jobs
from orders.models import Order
from providers.errors import ProviderRejected
from providers.models import ProviderConnection, ProviderRequest
from providers.services import outbox
from providers.services.claims import claim
from providers.services.delivery import Called
from providers.services.results import write_down

KIND = {kind.key: kind for kind in KINDS}
NO_STREET = "Street <b>missing</b>. " + "x" * 400
FIX = {"kind": "order", "ship_to_line1": "9 High St"}


@pytest.fixture(autouse=True)
def fresh_cache():
    cache.clear()


@pytest.fixture
def refused(publish, make_orders, run_flows, world):
    """`refused(2)`: so many orders whose 3PL refused them; their requests."""
    shop = ProviderConnection.objects.create(
        key="3pl", name="3PL", provider="threepl", status="active", parameters={"base_url": "http://127.0.0.1:9"}
    )  # fmt: skip
    send = action("send", "send_to_fulfillment", provider_action="threepl.send")
    publish([action("source", "send_to_dom"), action("reserve", "soft_reserve"), send, action("end")])

    def make(count):
        before = set(ProviderRequest.objects.values_list("pk", flat=True))
        make_orders(count, lines=[("A", 1)])
        run_flows()
        made = list(ProviderRequest.objects.exclude(pk__in=before).order_by("pk"))
        answer(shop, ProviderRejected(NO_STREET))
        run_flows()
        return made

    return make


def answer(shop, result):
    """The provider answers everything that is due with this."""
    due = ProviderRequest.objects.filter(due_at__isnull=False)
    due.update(due_at=timezone.now() - timedelta(seconds=1))
    while claimed := claim(shop):
        write_down([Called(one, {r.key: result for r in one.requests}, 0.1) for one in claimed])


def hidden(page, place):
    form = page[page.index(place) :].partition("</form>")[0]
    found = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form))
    return {name: value.replace("&quot;", '"') for name, value in found.items()}


def test_a_refused_request_is_corrected_previewed_sent_again_under_its_key_and_the_group_is_closed(
    admin_client, refused, run_flows
):
    first, _ = refused(2)
    (group,) = groups_of(KIND["request"])
    page = admin_client.get(f"/attention/cause/{group.cause}/").content.decode()
    assert 'name="mend.ship_to_line1"' in page and 'name="mend.customer_phone"' in page
    assert "mend.customer_name" not in page  # the payload is not made from it
    assert "Street &lt;b&gt;missing&lt;/b&gt;." in page and "<b>missing" not in page
    assert "What the provider answered" in page and "Apply and send again all 2" in page

    form = hidden(page, 'action="/repairs/new/"') | {"mend.ship_to_line1": "9 High St"}
    preview = admin_client.get(f"/repairs/new/?{urlencode(form)}").content.decode()
    assert "set ship to line1 to 9 High St" in preview and "Apply and send again: 2" in preview
    first.refresh_from_db()
    assert (first.state, Order.objects.filter(ship_to_line1="9 High St").count()) == ("failed", 0)

    admin_client.post("/repairs/start/", hidden(preview, 'action="/repairs/start/"'))
    repair_jobs.work()
    assert RepairJob.objects.values_list("changed", "refused").get() == (2, 0)
    key, lines = first.key, first.payload["lines"]
    first.refresh_from_db()
    assert (first.state, first.key, first.payload["lines"]) == ("unknown", key, lines)
    assert first.payload["ship_to"]["line1"] == "9 High St"
    assert ProviderRequest.objects.count() == 2

    answer(first.connection, {"id": "3P-1"})
    run_flows()
    assert set(ProviderRequest.objects.values_list("state", flat=True)) == {"done"}
    assert set(FlowRun.objects.values_list("state", flat=True)) == {"done"}
    assert groups_of(KIND["request"]) == []
    assert "closed by itself" in admin_client.get(f"/attention/cause/{group.cause}/").content.decode()


def test_a_stopped_step_is_retried_with_what_its_corrected_order_says(refused, run_flows):
    (request,) = refused(1)
    (group,) = groups_of(KIND["step"])
    repair_jobs.start("retry", group.filter, actor="user:ann", fix=FIX)
    repair_jobs.work()
    run_flows()

    key = request.key
    request.refresh_from_db()
    assert (request.key, request.payload["ship_to"]["line1"]) == (key, "9 High St")
    assert ProviderRequest.objects.count() == 1

    answer(request.connection, {"id": "3P-1"})
    run_flows()
    assert FlowRun.objects.get().state == "done"


def test_what_is_unknown_or_done_is_neither_corrected_nor_sent(refused):
    unknown, done, sure = refused(3)
    ProviderRequest.objects.filter(pk=unknown.pk).update(state="unknown", due_at=None)
    repair_jobs.start("resend", {}, actor="user:ann", fix=FIX)
    ProviderRequest.objects.filter(pk=done.pk).update(state="done")  # a late answer, before the job begins
    repair_jobs.work()

    assert list(RepairRow.objects.filter(changed=True).values_list("record_id", flat=True)) == [sure.pk]
    assert RepairRow.objects.get(changed=False).sentence == repair_jobs.NOT_REFUSED
    assert list(Order.objects.filter(ship_to_line1="9 High St")) == [sure.order]
    found = dict(ProviderRequest.objects.values_list("pk", "payload"))
    assert [found[one.pk] == one.payload for one in (unknown, done, sure)] == [True, True, False]
    states = dict(ProviderRequest.objects.values_list("pk", "due_at"))
    assert states[unknown.pk] is None and states[sure.pk]


def test_an_unknown_request_has_no_form_and_is_repeated_word_for_word(admin_client, refused):
    (request,) = refused(1)
    ProviderRequest.objects.filter(pk=request.pk).update(state="unknown", due_at=None)
    Order.objects.update(ship_to_line1="9 High St")
    (group,) = groups_of(KIND["request"])
    assert "mend." not in admin_client.get(f"/attention/cause/{group.cause}/").content.decode()

    assert outbox.retry([request.pk], actor="user:ann") == 1
    assert ProviderRequest.objects.get().payload == request.payload


def test_correcting_and_sending_again_costs_the_queries_of_one(refused):
    counts = set()
    for count in (1, 20):
        refused(count)
        repair_jobs.start("resend", {}, actor="user:ann", fix={**FIX, "ship_to_line2": str(count)})
        with CaptureQueriesContext(connection) as queries:
            repair_jobs.work()
        assert RepairJob.objects.values_list("changed", "refused").first() == (
            ProviderRequest.objects.count(),
            0,
        )
        counts.add(len(queries))
    assert len(counts) == 1


def test_the_page_of_refused_requests_costs_the_queries_of_one(admin_client, refused):
    counts = set()
    for count in (1, 20):
        refused(count)
        (group,) = groups_of(KIND["request"])
        admin_client.get(f"/attention/cause/{group.cause}/")
        with CaptureQueriesContext(connection) as queries:
            assert admin_client.get(f"/attention/cause/{group.cause}/").status_code == 200
        counts.add(len(queries))
    assert len(counts) == 1
