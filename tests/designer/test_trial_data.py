"""From a run to the flow's draft in the editor, with the order of that run as the data of test runs."""

import pytest
from django.contrib.auth.models import Permission, User
from django.utils import timezone

from iom.lib.money import formatted
from orchestration.engine.advance import advance
from orchestration.models import Flow, FlowRun, StepRun
from orchestration.services import publishing
from providers.models import ProviderRequest

LIMIT = {
    "key": "limit", "name": "Under the limit", "type": "execution", "entity": "order", "criticality": "critical", "combine": "all",
    "otherwise": "pass",
    "rules": [{"name": "Small", "condition": {"field": "total_minor", "op": "less", "value": 100, "currency": "USD"}, "actions": []}],
}  # fmt: skip


@pytest.fixture
def stopped(boss, make_order_of):
    """A run that stands at a check which a large order does not pass."""
    check = {
        "kind": "action",
        "key": "check",
        "name": "Check",
        "action": "validate_order_header",
        "policies": ["limit"],
    }
    document = {
        "schema": 1, "key": "demo", "name": "Demo", "entry": {"events": ["order.new"], "filters": []},
        "steps": [check, {"kind": "action", "key": "last", "name": "Last", "action": "custom"}], "policies": [LIMIT],
    }  # fmt: skip
    publishing.publish(publishing.import_flow(document, actor="test").pk, actor="test")
    make_order_of()
    while advance():
        pass
    return FlowRun.objects.select_related("order", "flow").get(state="attention")


def test_the_order_of_a_run_goes_along_into_the_editor_and_its_test_runs(client, stopped):
    page = client.get(f"/runs/{stopped.pk}/").content.decode()
    address = f"/flows/{stopped.flow_id}/?run={stopped.pk}&amp;step=check"
    assert address in page
    assert (
        f'href="/flows/{stopped.flow_id}/?run={stopped.pk}"'
        in client.get(f"/orders/{stopped.order_id}/").content.decode()
    )

    editor = client.get(address.replace("&amp;", "&")).content.decode()
    assert f"Test run with {stopped.order.number}" in editor
    assert 'id="panel"' in editor and 'value="Check"' in editor  # the step that stopped is open

    # it stays while the draft is edited, and fills the form of the test run
    edited = client.get(f"/flows/{stopped.flow_id}/?step=last").content.decode()
    assert f"Test run with {stopped.order.number}" in edited
    form = client.get(f"/flows/{stopped.flow_id}/test/").content.decode()
    assert f'value="{stopped.order.number}"' in form

    told = client.post(
        f"/flows/{stopped.flow_id}/test/", {"order": stopped.order.number, "events_happen": "on"}
    )
    assert "The order stops. Check: Under the limit: Small" in told.content.decode()


def test_a_mended_draft_lets_the_order_through_while_the_run_stands_still(client, stopped):
    client.get(f"/flows/{stopped.flow_id}/?run={stopped.pk}")
    flow = Flow.objects.get()
    flow.draft["steps"][0]["policies"] = []
    flow.save()

    told = client.post(f"/flows/{flow.pk}/test/", {"order": stopped.order.number, "events_happen": "on"})

    assert "goes through to the end" in told.content.decode()
    assert FlowRun.objects.get().state == "attention"


def test_it_is_put_away_and_another_flow_does_not_have_it(client, stopped):
    other = Flow.objects.create(
        key="other", name="Other", draft={"entry": {"events": ["order.new"], "filters": []}, "steps": []}
    )
    client.get(f"/flows/{stopped.flow_id}/?run={stopped.pk}")
    assert "Test run with" not in client.get(f"/flows/{other.pk}/").content.decode()
    assert "Test run with" not in client.get(f"/flows/{stopped.flow_id}/?run=0").content.decode()
    assert "Test run with" not in client.get(f"/flows/{other.pk}/?run={stopped.pk}").content.decode()
    for text in ("9" * 30, "-1", "x"):
        assert client.get(f"/flows/{other.pk}/?run={text}").status_code == 200


def test_a_step_that_a_provider_refused_fails_in_the_test_run_too(client, stopped, known):
    """As far as the draft still asks there."""
    from providers.models import ProviderConnection

    vendor = ProviderConnection.objects.create(key="v", name="V", provider="billing", status="active")
    StepRun.objects.update(step="bill", error_code="no_tax")
    ProviderRequest.objects.create(
        key=f"run:{stopped.pk}/bill/{stopped.order_id}", connection=vendor, action="billing.invoice", payload={}, entity="order",
        record_id=stopped.order_id, order_id=stopped.order_id, state="failed", created_at=timezone.now(),
    )  # fmt: skip
    client.get(f"/flows/{stopped.flow_id}/?run={stopped.pk}")
    assert client.session["trial_data"]["failing"] == ["bill"]
    assert client.get(f"/flows/{stopped.flow_id}/test/").status_code == 200  # this draft has no such step

    flow = Flow.objects.get()
    flow.draft["steps"].append(
        {
            "kind": "action",
            "key": "bill",
            "name": "Bill",
            "action": "send_to_invoice",
            "provider_action": "billing.invoice",
        }
    )
    flow.save()
    form = client.get(f"/flows/{flow.pk}/test/").content.decode()
    assert 'value="bill"' in form and "checked" in form.partition('value="bill"')[2][:80]


def test_who_may_not_see_orders_takes_none_along(client, stopped):
    user = User.objects.create_user("flo", password="secret", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_flow"))
    client.force_login(user)

    assert "Test run with" not in client.get(f"/flows/{stopped.flow_id}/?run={stopped.pk}").content.decode()


def test_the_run_shows_what_the_policy_saw_as_money(client, stopped):
    page = client.get(f"/runs/{stopped.pk}/").content.decode()

    assert f"total = {formatted(stopped.order.total_minor, 'USD')}" in page
    assert "total_minor" not in page
