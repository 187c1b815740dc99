"""A step that calls any action a provider declares: asked once, and the path goes on with the answer."""

import pytest
from flow_words import action, path

from orchestration.errors import NotPublishable
from orchestration.models import FlowRun, StepRun
from orders.models import BusinessEvent
from providers.errors import ProviderRejected
from providers.models import ProviderConnection, ProviderRequest

TELL = action("tell", "provider_action", provider_action="bigcommerce.status", on_failure={"go_to": "end"})


@pytest.fixture
def asked(publish, make_orders, run_flows, world):
    from test_retrying import answered

    ProviderConnection.objects.create(
        key="shop", name="Shop", provider="bigcommerce", status="active", channel=world["retail"],
        parameters={"base_url": "http://127.0.0.1:9"},
    )  # fmt: skip
    publish([TELL, action("end")])

    def ask(result):
        make_orders()
        run_flows()
        request = answered(ProviderRequest.objects.get(), result)
        run_flows()
        return request

    return ask


@pytest.mark.parametrize(
    ("result", "state", "outcome"),
    [({"ok": True}, "done", "success"), (ProviderRejected("No."), "failed", "failure")],
)
def test_the_answer_of_the_provider_is_the_outcome_of_the_step(asked, result, state, outcome):
    request = asked(result)

    assert (request.state, request.entity, request.payload["state"]) == (state, "order", "new")
    assert path(request.order_id) == [("tell", "requested"), ("tell", outcome), ("end", "success")]
    told = BusinessEvent.objects.get(kind="order.provider_answered").payload
    assert (told["action"], told["state"]) == ("bigcommerce.status", state)
    assert FlowRun.objects.get().state == "done"


def test_a_channel_without_a_connection_fails_with_a_name(publish, make_orders, run_flows):
    publish([{**TELL, "on_failure": None}])
    make_orders()
    run_flows()

    assert StepRun.objects.get().error_code == "no_connection"


@pytest.mark.parametrize("key", ["webhook.event", "nobody.knows", None])
def test_what_is_not_declared_for_orders_cannot_be_published(publish, key):
    with pytest.raises(NotPublishable, match="provider_action"):
        publish([{**TELL, "provider_action": key, "on_failure": None}])
