"""Try a strategy on the orders of the last days: ask, look how far it is, read the result, stop.

It looks at the orders of all channels, so a key for some of them only may not.
"""

from collections.abc import Iterable
from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response

from fulfillment.errors import UnknownStrategy, WhatIfRefused
from fulfillment.models import Strategy, WhatIf
from fulfillment.services import what_ifs
from fulfillment.what_if import check, words
from iom.lib.api import filters
from iom.lib.api.clients import actor_of, channel_ids_of
from iom.lib.api.errors import InvalidInput, fault
from iom.lib.api.filters import Filter, conditions
from iom.lib.api.idempotency import idempotent
from iom.lib.api.paging import key_page
from iom.lib.api.schema import IDEMPOTENCY_KEY, page_of
from iom.lib.api.serializers import QuantityField, StrictSerializer, validated
from iom.lib.api.views import ApiView
from orders.numbers import number_of

ROW = (
    "id", "strategy__key", "against", "version", "days", "most_orders", "since", "until", "state", "orders", "error",
    "created_at", "finished_at",
)  # fmt: skip
FILTERS = {
    "strategy": Filter("strategy__key__in", filters.texts, "Key of a strategy, or several."),
    "state": Filter("state__in", filters.some_of(WhatIf.State.values), "running, done, stopped or failed."),
}


class AskSerializer(StrictSerializer):
    strategy = serializers.CharField(max_length=40, help_text="Its key; its orders are played again")
    against = serializers.ChoiceField(
        choices=WhatIf.Against.choices, default=WhatIf.Against.DRAFT, help_text="What is tried on them"
    )
    days = QuantityField(min_value=1, max_value=what_ifs.MOST_DAYS, default=7)
    most_orders = QuantityField(min_value=1, max_value=what_ifs.MOST_ORDERS, default=1000)


class WhatIfRow(serializers.Serializer):
    id = serializers.IntegerField()
    strategy = serializers.CharField()
    against = serializers.ChoiceField(choices=WhatIf.Against.choices)
    version = serializers.IntegerField(help_text="Of what works now; 0: the draft, or never published")
    days = serializers.IntegerField()
    most_orders = serializers.IntegerField()
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    state = serializers.ChoiceField(choices=WhatIf.State.choices)
    orders = serializers.IntegerField(help_text="That are looked at")
    error = serializers.CharField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    url = serializers.CharField()


class ComparedRow(serializers.Serializer):
    name = serializers.CharField()
    before = serializers.FloatField(help_text="Of what worked then")
    after = serializers.FloatField(help_text="Of what is tried")
    delta = serializers.FloatField()
    kind = serializers.ChoiceField(choices=("cents", "count", "km"))


class ChangedOrder(serializers.Serializer):
    order = serializers.CharField()
    delta_minor = serializers.IntegerField()
    before = serializers.DictField(child=serializers.IntegerField(), help_text="Units by source")
    after = serializers.DictField(child=serializers.IntegerField(), help_text="Units by source")
    why = serializers.CharField()


class WhatIfResult(serializers.Serializer):
    """What was found so far; all of it once the state is done."""

    headline = serializers.CharField()
    changed = serializers.CharField()
    check = serializers.CharField(help_text="Does what worked then decide the same again")
    reproduces = serializers.BooleanField()
    notes = serializers.ListField(child=serializers.CharField())
    currency = serializers.CharField()
    total = ComparedRow()
    costs = ComparedRow(many=True)
    steering = ComparedRow(many=True, help_text="What only steers a plan, in no sum of cost")
    service = ComparedRow(many=True)
    load = ComparedRow(many=True, help_text="Units by source")
    orders = ChangedOrder(many=True, help_text="Those that change most")
    differences = ChangedOrder(
        many=True, help_text="Decisions that do not come out the same when played again"
    )


class WhatIfDocument(WhatIfRow):
    percent = serializers.IntegerField()
    result = WhatIfResult(allow_null=True, help_text="null until something was played")


class WhatIfView(ApiView):
    """What the views share. A person needs what the pages ask for: to look at what-ifs, or to change strategies."""

    scope_area = "fulfillment"

    @property
    def permission_model(self) -> str:
        reads = self.request.method in SAFE_METHODS
        return "fulfillment.whatif" if reads else "fulfillment.strategy"

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if channel_ids_of(request) is not None:
            raise PermissionDenied


class WhatIfsView(WhatIfView):
    @extend_schema(
        operation_id="what_ifs_list",
        parameters=filters.parameters(FILTERS) + filters.PAGING,
        responses=page_of("WhatIfPage", WhatIfRow),
    )
    def get(self, request: Request) -> Response:
        """Newest first, without results."""
        rows = WhatIf.objects.filter(conditions(request, FILTERS)).values(*ROW)
        return key_page(rows, request, what_if_row)

    @extend_schema(
        operation_id="what_ifs_create",
        parameters=[IDEMPOTENCY_KEY],
        request=AskSerializer,
        responses={201: WhatIfDocument},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Begins a job that writes nothing but its result; look at it until it has ended."""
        values = dict(validated(AskSerializer, request.data))
        key = values.pop("strategy")
        strategy = Strategy.objects.filter(key=key).values_list("pk", flat=True).first()
        if strategy is None:
            raise UnknownStrategy({key})
        try:
            job = what_ifs.start(strategy, actor=actor_of(request), **values)
        except WhatIfRefused as error:
            where = error.field or "strategy"
            raise InvalidInput([fault(error.code, where, str(error))], status=error.status) from error
        return Response(document(job.pk), status=201)


class OneWhatIfView(WhatIfView):
    @extend_schema(operation_id="what_ifs_read", responses=WhatIfDocument)
    def get(self, request: Request, what_if: str) -> Response:
        """How far it is, and what was found so far."""
        return Response(document(_id(what_if)))


class StopView(WhatIfView):
    @extend_schema(
        operation_id="what_ifs_stop", parameters=[IDEMPOTENCY_KEY], request=None, responses=WhatIfDocument
    )
    @idempotent
    def post(self, request: Request, what_if: str) -> Response:
        """The rest is left undone; what was found so far stays. One that has ended stays as it is."""
        pk = _id(what_if)
        what_ifs.stop(pk)
        return Response(document(pk))


def _id(text: str) -> int:
    try:
        return filters.whole_number(text)
    except ValueError as error:
        raise Http404 from error


def what_if_row(values: dict[str, Any]) -> dict[str, Any]:
    plain = {name: values[name] for name in ROW if "__" not in name}
    return plain | {"strategy": values["strategy__key"], "url": f"/api/v1/what-ifs/{values['id']}/"}


def document(pk: int) -> dict[str, Any]:
    """Raises Http404."""
    job = WhatIf.objects.defer("document", "carried").select_related("strategy").filter(pk=pk).first()
    if job is None:
        raise Http404
    row = {name: getattr(job, name) for name in ROW if "__" not in name} | {"strategy__key": job.strategy.key}
    result = _result(job) if job.result.get("then") else None
    return what_if_row(row) | {"percent": job.percent, "result": result}


def _result(job: WhatIf) -> dict[str, Any]:
    found = job.result
    return {
        "headline": words.headline(job.against, found),
        "changed": words.changed_words(found),
        "check": words.check_words(found),
        "reproduces": words.reproduces(found),
        "notes": words.notes(found),
        "currency": words.CURRENCY,
        "total": _compared([words.total_row(found)])[0],
        "costs": _compared(words.cost_rows(found)),
        "steering": _compared(words.steering_rows(found)),
        "service": _compared(words.service_rows(found)),
        "load": _compared(words.load_rows(found)),
        "orders": [_order(row, row["why"]) for row in found["top"]],
        "differences": [
            _order(row, f"{check.KINDS[row['kind']]}: {row['sentence']}") for row in found["differences"]
        ],
    }


def _compared(rows: Iterable[words.Row]) -> list[dict[str, Any]]:
    return [
        {"name": row.name, "before": row.before, "after": row.after, "delta": row.delta, "kind": row.kind}
        for row in rows
    ]


def _order(row: dict[str, Any], why: str) -> dict[str, Any]:
    return {
        "order": number_of(row["order"]),
        "delta_minor": row["delta"],
        "before": row["before"],
        "after": row["after"],
        "why": why,
    }
