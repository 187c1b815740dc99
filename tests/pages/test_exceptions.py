"""The exceptions inbox and the pages of runs: what they count, what they offer, and that repairing from them works."""

import json
import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from insights.exceptions import KINDS, groups_of, open_count, words_of
from insights.models import ExceptionGroup
from insights.pages import group
from insights.waits import awaited
from orchestration.engine.graph import compile_steps
from orchestration.models import Flow, FlowVersion, RepairJob, StepResult, StepRun
from orchestration.services import repair_jobs
from orders.models import Hold
from providers.models import InboxMessage, ProviderConnection, ProviderRequest

STEPS = [
    {"kind": "action", "key": "check", "name": "Check it", "action": "custom"},
    {"kind": "action", "key": "ship", "name": "Ship it", "action": "custom"},
]
KIND = {kind.key: kind for kind in KINDS}


@pytest.fixture(autouse=True)
def fresh_cache():
    cache.clear()


@pytest.fixture
def flow(definitions):
    found = Flow.objects.create(key="demo", name="Demo", status="published")
    compiled = {"entry": {"events": []}, "steps": compile_steps(STEPS), "policies": {}}
    found.live_version = FlowVersion.objects.create(
        flow=found, number=1, definition={"steps": STEPS}, compiled=compiled
    )
    found.save()
    return found


@pytest.fixture
def make_stopped(flow, make_order):
    def make(count=1, *, step="check", code="broken", error="It broke.", **fields):
        made = []
        for _ in range(count):
            order, now = make_order(**fields), timezone.now()
            run = flow.runs.create(
                version=flow.live_version, order=order, state="attention", start_event_id=1, started_at=now
            )
            values = {"state": "failed", "error_code": code, "error": error, "entered_at": now}
            made.append(StepRun.objects.create(run=run, step=step, **values))
        return made

    return make


@pytest.fixture
def vendor_row(db):
    return ProviderConnection.objects.create(key="v", name="Vendor", provider="billing", status="active")


def staff(client, *names):
    user = User.objects.create_user("someone", password="secret", is_staff=True)
    for name in names:
        label, codename = name.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=label, codename=codename))
    client.force_login(user)
    return user


def test_groups_are_counted_by_cause_with_the_value_of_each_order_once(make_stopped, flow):
    (token, _) = make_stopped(2, total_minor=1000)
    StepRun.objects.create(
        run=token.run, step="check", state="failed", error_code="broken", lines=[1], entered_at=timezone.now()
    )
    make_stopped(1, step="ship", total_minor=500, currency="CAD")

    found = [(g.title, g.detail, g.count, g.values, g.filter) for g in groups_of(KIND["step"])]

    assert found == [
        ("Demo: stopped at Check it", "broken", 3, [("USD", 2000)], {"flow": flow.pk, "step": "check", "code": "broken"}),
        ("Demo: stopped at Ship it", "broken", 1, [("CAD", 500)], {"flow": flow.pk, "step": "ship", "code": "broken"}),
    ]  # fmt: skip


def test_the_four_lists_are_filters(client, boss, make_stopped, make_order, vendor_row):
    make_stopped(step="ship", code="broken")
    make_stopped(code="policy_failed", error="US only: Country")
    InboxMessage.objects.create(
        connection=vendor_row, external_message_id="m1", topic="order.new", body=b"{", state="parked", code="bad_json",
        received_at=timezone.now(),
    )  # fmt: skip
    ProviderRequest.objects.create(
        key="x/1", connection=vendor_row, action="billing.invoice", payload={}, entity="order", record_id=1, state="failed",
        error_code="no_tax", created_at=timezone.now(),
    )  # fmt: skip
    words = {
        "step": "stopped at Ship it", "policy": "US only: Country", "inbound": "order.new not understood",
        "request": ": Invoice, refused",
    }  # fmt: skip

    pages = {kind: client.get(f"/attention/?kind={kind}").content.decode() for kind in words}

    for kind, page in pages.items():
        assert {other: (text in page) for other, text in words.items()} == {
            other: other == kind for other in words
        }
    everything = client.get("/attention/").content.decode()
    assert all(text in everything for text in words.values())
    assert open_count(boss) == 4
    assert open_count(staff(client, "orders.view_order")) == 0


def test_one_row_and_two_hundred_cost_the_same_queries(client, boss, make_stopped, flow):
    counts = {}
    for address in ("/attention/", "/runs/"):
        for size in (1, 1, 200):
            make_stopped(size)
            cache.clear()
            with CaptureQueriesContext(connection) as queries:
                assert client.get(address).status_code == 200
            counts.setdefault(address, []).append(len(queries))
    assert {address: found[1] for address, found in counts.items()} == {
        address: found[2] for address, found in counts.items()
    }


def test_all_of_a_group_are_previewed_repaired_and_the_group_is_gone(client, boss, make_stopped):
    tokens = make_stopped(3)
    wanted = json.dumps({"step": "check", "code": "broken"})

    page = client.get("/repairs/new/", {"action": "skip", "filter": wanted, "title": "Check it"})
    assert '<strong class="iom-strong">3</strong> match' in page.content.decode()
    assert StepRun.objects.filter(state="failed").count() == 3

    form = {"action": "skip", "filter": wanted, "title": "Check it", "reason": "known", "once": "t1"}
    answer = client.post("/repairs/start/", form)
    again = client.post("/repairs/start/", form)
    job = RepairJob.objects.get()
    assert (answer.url, again.url) == (f"/repairs/{job.pk}/", "/repairs/")
    assert repair_jobs.work() == 3

    page = client.get(f"/repairs/{job.pk}/").content.decode()
    assert "3 changed, 0 refused, 0 as they were" in page
    assert groups_of(KIND["step"]) == []
    by_hand = StepResult.objects.filter(code="by_hand", result="skipped")
    assert sorted(by_hand.values_list("run", flat=True)) == sorted(token.run_id for token in tokens)
    assert by_hand.first().detail["by"] == "user:boss"


def test_who_may_not_repair_is_told_which_permission_is_missing(client, make_stopped, db):
    staff(client, "orders.view_order", "orchestration.view_flowrun")
    make_stopped()

    page = client.get("/attention/").content.decode()
    assert "stopped at Check it" in page
    assert "/repairs/new/" not in page
    for answer in (
        client.get("/repairs/new/", {"action": "skip", "filter": "{}"}),
        client.post("/repairs/start/", {"action": "skip", "filter": "{}", "reason": "x"}),
        client.post("/attention/snooze/", {"cause": "step:x", "hours": "1"}),
    ):
        assert answer.status_code == 403
        assert "orchestration.repair_run" in answer.content.decode()
    assert StepRun.objects.get().state == "failed"
    assert not RepairJob.objects.exists()
    assert not ExceptionGroup.objects.exists()


@pytest.mark.parametrize(
    "asked", [{"action": "explode"}, {"action": "retry", "filter": "["}, {"action": "retry", "filter": '{"run__order": 1}'},
              {"action": "retry", "filter": '{"flow": "x"}'}],
)  # fmt: skip
def test_a_repair_that_is_none_is_refused_in_words(client, boss, asked):
    answer = client.get("/repairs/new/", asked)

    assert answer.status_code == 400
    assert "Go back" in answer.content.decode()


def test_a_group_has_an_owner_a_note_and_sleeps(client, boss, make_stopped):
    make_stopped()
    (group,) = groups_of(KIND["step"])
    client.post(
        "/attention/own/", {"cause": group.cause, "owner": "boss", "note": "I call them", "title": "T"}
    )
    assert "I call them" in client.get("/attention/").content.decode()

    client.post("/attention/snooze/", {"cause": group.cause, "hours": "4"})

    said = ExceptionGroup.objects.get()
    assert (said.owner, said.note, said.cause) == (boss, "I call them", group.cause)
    assert timedelta(hours=3) < said.snoozed_until - timezone.now() < timedelta(hours=5)
    assert "stopped at Check it" not in client.get("/attention/").content.decode()
    assert "stopped at Check it" in client.get("/attention/?show=snoozed").content.decode()
    assert open_count(boss) == 0


def test_holds_are_released_from_the_inbox(client, boss, make_order):
    order = make_order()
    Hold.objects.create(order=order, type="fraud", reason="Score", placed_by="u", placed_at=timezone.now())

    client.post(
        "/repairs/start/",
        {"action": "release", "filter": '{"type": "fraud", "reason": "Score"}', "reason": "checked"},
    )
    repair_jobs.work()

    assert not Hold.objects.active().exists()
    assert RepairJob.objects.values_list("changed", "refused").get() == (1, 0)


def test_runs_are_shown_where_they_stand_and_filtered(client, boss, make_stopped, flow):
    make_stopped(2)
    (other,) = make_stopped(step="ship")

    page = client.get(f"/runs/?flow={flow.pk}").content.decode()
    assert "✕ 2 failed" in page
    assert "✕ 1 failed" in page
    page = client.get(f"/runs/?flow={flow.pk}&step=ship&state=failed").content.decode()
    assert page.count('href="/runs/') - page.count('href="/runs/"') == 1
    assert f'href="/runs/{other.run_id}/"' in page
    assert "No run matches" in client.get(f"/runs/?flow={flow.pk}&state=done").content.decode()


def test_a_run_page_tells_what_was_done_and_compares(client, boss, make_stopped, flow, make_order):
    good = flow.runs.create(
        version=flow.live_version,
        order=make_order(),
        state="done",
        start_event_id=1,
        started_at=timezone.now(),
    )
    for key in ("check", "ship"):
        StepResult.objects.create(run=good, order=good.order, step=key, result="success", at=timezone.now())
    (token,) = make_stopped()
    StepResult.objects.create(
        run=token.run, order=token.run.order, step="check", result="failure", code="broken", at=timezone.now()
    )

    page = client.get(f"/runs/{token.run_id}/").content.decode()

    assert "It broke." in page
    assert f"Run {good.pk}</a>" in page
    assert page.count("differs:") == 2
    assert "Complete as success" in page
    assert client.get("/runs/999999/").status_code == 404


def test_a_small_group_is_repaired_from_its_own_page_and_a_large_one_is_previewed(
    client, boss, make_stopped, monkeypatch
):
    make_stopped(3)
    (found,) = groups_of(KIND["step"])
    address = f"/attention/cause/{found.cause}/"
    page = client.get(address).content.decode()
    form = page[page.index('id="once-title"') :].partition("</form>")[0]
    assert re.findall(r'<option value="(\w+)"', form) == ["retry", "skip", "succeed", "fail"]
    assert "Needed for skip, complete as success and complete as failure" in form
    hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form))
    sent = {name: value.replace("&quot;", '"') for name, value in hidden.items()} | {"action": "skip"}

    answer = client.post("/repairs/start/", {**sent, "reason": " "})
    assert answer.url == address
    assert "Say why" in client.get(address).content.decode()
    assert not RepairJob.objects.exists()

    sent["once"] = "another"
    for _ in range(2):  # a form that comes twice
        client.post("/repairs/start/", {**sent, "reason": "known"})
    job = RepairJob.objects.get()
    assert repair_jobs.work() == 3
    job.refresh_from_db()
    assert (job.action, job.reason, job.changed) == ("skip", "known", 3)
    assert groups_of(KIND["step"]) == []

    make_stopped(3)
    monkeypatch.setattr(group, "SMALL", 2)
    page = client.get(address).content.decode()
    assert 'id="once-title"' not in page
    assert "/repairs/new/?action=skip" in page


def test_codes_are_told_in_words_and_sentences_stay(client, boss, make_stopped):
    make_stopped(1, code="not_sourced")
    make_stopped(1, step="ship", code="very_odd")
    words = {found.filter["code"]: found.words for found in groups_of(KIND["step"])}
    assert words == {"not_sourced": "No source has the stock", "very_odd": "Very odd"}
    assert words_of("US only: Country") == "US only: Country"

    page = client.get("/attention/").content.decode()
    assert "No source has the stock" in page and ">not_sourced<" not in page
    for found in groups_of(KIND["step"]):
        page = client.get(f"/attention/cause/{found.cause}/").content.decode()
        assert f'<strong class="iom-strong">{found.words}</strong>' in page


def test_what_is_stuck_is_looked_at_again_from_its_group(client, boss, flow, make_order):
    """Two wait since yesterday, one since now: the group has two, and its form wakes these."""
    now = timezone.now()
    tokens = []
    for hours in (30, 25, 0):
        run = flow.runs.create(
            version=flow.live_version, order=make_order(), start_event_id=1, started_at=now
        )
        values = {
            "state": "waiting",
            "waiting_for": "order.changed",
            "entered_at": now - timedelta(hours=hours),
        }
        tokens.append(StepRun.objects.create(run=run, step="ship", **values))
    (found,) = groups_of(KIND["stuck"])
    assert (found.title, found.detail, found.count) == ("Demo: Ship it", "waits for order changed", 2)

    page = client.get(f"/attention/cause/{found.cause}/").content.decode()
    assert page.count("since ") >= 2 and 'value="wake">Look again' in page
    client.post("/repairs/start/", {"action": "wake", "filter": found.filter_text, "title": found.title})
    repair_jobs.work()

    due = dict(flow.runs.values_list("pk", "due_at"))
    assert [due[token.run_id] is not None for token in tokens] == [True, True, False]


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ("order.changed", "order changed"),
        (
            "fulfillment_order.shipped or order.gift_wrapped",
            "fulfillment order shipped or order gift wrapped",
        ),
        ("release of the fraud hold", "release of the fraud hold"),
        ("the next batch at 14:00", "the next batch at 14:00"),
        ("", ""),
    ],
)
def test_what_is_waited_for_is_said_in_words(kept, said):
    assert awaited(kept) == said
