"""Addresses that are told of business events, signed by Standard Webhooks. Each is a connection of provider `webhook`."""

import base64
import secrets
from typing import Any

from django.db import transaction
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from iom.lib.api.clients import channel_ids_of
from iom.lib.api.errors import InvalidInput, Problem, fault
from iom.lib.api.filters import PAGING, conditions
from iom.lib.api.paging import key_page
from iom.lib.api.schema import page_of, problem
from iom.lib.api.serializers import StrictSerializer, validated
from iom.lib.api.views import ApiView
from orders.models import EventDefinition
from providers.models import ProviderConnection
from providers.secrets import set_secrets
from providers.services.connections import keep_settings, problems

PROVIDER = "webhook"
COLUMNS = ("id", "key", "name", "status", "parameters", "created_at")


class NewWebhook(StrictSerializer):
    url = serializers.CharField(max_length=500, help_text="https, on a public address")
    events = serializers.ListField(
        child=serializers.CharField(max_length=60),
        min_length=1,
        max_length=100,
        required=False,
        help_text="All if not given",
    )
    name = serializers.CharField(max_length=80, required=False)


class WebhookRow(serializers.Serializer):
    key = serializers.CharField()
    name = serializers.CharField()
    url = serializers.CharField()
    events = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()


class CreatedWebhook(WebhookRow):
    secret = serializers.CharField(help_text="Shown this once; signs what we send (Standard Webhooks)")


class WebhookView(ApiView):
    """What both views share. A key of some channels may not listen to all of them."""

    scope_area, permission_model = "webhooks", "providers.providerconnection"

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if channel_ids_of(request) is not None:
            raise PermissionDenied()


class WebhooksView(WebhookView):
    @extend_schema(
        operation_id="webhooks_list", parameters=PAGING, responses=page_of("WebhookPage", WebhookRow)
    )
    def get(self, request: Request) -> Response:
        """Newest first."""
        return key_page(endpoints().filter(conditions(request, {})).values(*COLUMNS), request, _row)

    @extend_schema(
        operation_id="webhooks_create",
        request=NewWebhook,
        responses={201: CreatedWebhook, 409: problem("There is one for this address")},
    )
    def post(self, request: Request) -> Response:
        """Add an address. Takes no Idempotency-Key, since a kept answer would keep the secret: an address is there once."""
        values = validated(NewWebhook, request.data)
        parameters = {"url": values["url"], "events": values.get("events", ["*"])}
        _refuse_unknown_events(parameters["events"])
        connection, secret = _create(parameters, values.get("name") or "Webhook")
        row = ProviderConnection.objects.values(*COLUMNS).get(pk=connection.pk)
        return Response(_row(row) | {"secret": secret}, status=201)


class OneWebhookView(WebhookView):
    @extend_schema(operation_id="webhooks_read", responses=WebhookRow)
    def get(self, request: Request, key: str) -> Response:
        """By key; never with the secret."""
        found = None if "\x00" in key else endpoints().filter(key=key).values(*COLUMNS).first()
        if found is None:
            raise Http404
        return Response(_row(found))

    @extend_schema(operation_id="webhooks_delete", responses={204: None})
    def delete(self, request: Request, key: str) -> Response:
        """Nothing more is sent there; what was sent stays on record."""
        gone = (
            0
            if "\x00" in key
            else endpoints().filter(key=key).update(status=ProviderConnection.Status.PAUSED)
        )
        if not gone:
            raise Http404
        return Response(status=204)


def endpoints():
    return ProviderConnection.objects.filter(provider=PROVIDER, status=ProviderConnection.Status.ACTIVE)


@transaction.atomic
def _create(parameters: dict[str, Any], name: str) -> tuple[ProviderConnection, str]:
    connection = ProviderConnection(
        key=f"webhook-{secrets.token_hex(6)}",
        name=name,
        provider=PROVIDER,
        status=ProviderConnection.Status.ACTIVE,
        parameters=parameters,
    )
    if wrong := problems(connection, parameters):
        raise InvalidInput([fault("forbidden_address", field, sentence) for field, sentence in wrong.items()])
    if endpoints().filter(parameters__url=parameters["url"]).exists():
        raise Problem("webhook_exists", "This address is told already; delete it first.", status=409)
    connection.save()
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    set_secrets(connection, {"secret": secret})
    keep_settings(connection, actor="api")
    return connection, secret


def _refuse_unknown_events(events: list[str]) -> None:
    known = {"*", *EventDefinition.objects.filter(key__in=events).values_list("key", flat=True)}
    rows = [
        fault("unknown_event", f"events[{index}]", f"There is no event {event}.")
        for index, event in enumerate(events)
        if event not in known
    ]
    if rows:
        raise InvalidInput(rows, status=422)


def _row(values: dict[str, Any]) -> dict[str, Any]:
    parameters = values["parameters"]
    told = {"url": parameters.get("url", ""), "events": parameters.get("events", ["*"])}
    return {"key": values["key"], "name": values["name"], **told, "created_at": values["created_at"]}
