"""Reservations by other systems. Their keys live beside ours, so no key can touch what an order holds."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from inventory.api import serializers as documents
from inventory.api.resolve import resolve
from inventory.errors import InsufficientStock
from inventory.models import Reservation
from inventory.services.reservations import release, reserve
from inventory.types import ReservationLine, ReservationRequest, Shortage
from iom.lib.api import filters
from iom.lib.api.clients import actor_of
from iom.lib.api.errors import InvalidInput, fault
from iom.lib.api.filters import Filter, conditions
from iom.lib.api.idempotency import idempotent
from iom.lib.api.paging import key_page
from iom.lib.api.schema import IDEMPOTENCY_KEY, page_of
from iom.lib.api.serializers import validated
from iom.lib.api.views import ApiView

PREFIX = "api:"
COLUMNS = (
    "id", "key", "reference", "position__product__sku", "position__source__code", "quantity", "kind", "state", "expires_at",
    "created_at", "closed_at",
)  # fmt: skip
FILTERS = {
    "state": Filter(
        "state__in", filters.some_of(Reservation.State.values), "active, consumed, released or expired."
    ),
    "reference": Filter("reference", filters.text),
    "sku": Filter("position__product__sku", filters.text),
    "source": Filter("position__source__code", filters.text),
}


class ReservationsView(ApiView):
    scope_area, permission_model = "inventory", "inventory.reservation"

    @extend_schema(
        operation_id="reservations_list",
        parameters=filters.parameters(FILTERS) + filters.PAGING,
        responses=page_of("ReservationPage", documents.ReservationDocument),
    )
    def get(self, request: Request) -> Response:
        """Those made by API, newest first."""
        rows = _rows().filter(conditions(request, FILTERS)).values(*COLUMNS)
        return key_page(rows, request, _document)

    @extend_schema(
        operation_id="reservations_create",
        parameters=[IDEMPOTENCY_KEY],
        request=documents.ReserveSerializer,
        responses={201: documents.ReserveAnswer},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Hold stock; a request is all or nothing unless it is `partial`. 409 if nothing at all could be held."""
        wanted = validated(documents.ReserveSerializer, request.data)["requests"]
        outcome = reserve(_requests(wanted), actor=actor_of(request))
        if outcome.short and not outcome.granted:
            raise InsufficientStock(outcome.short)
        granted = {key.removeprefix(PREFIX): quantity for key, quantity in outcome.granted.items()}
        return Response({"granted": granted, "short": [_short(line) for line in outcome.short]}, status=201)


class ReservationView(ApiView):
    scope_area, permission_model = "inventory", "inventory.reservation"

    @extend_schema(operation_id="reservations_read", responses=documents.ReservationDocument)
    def get(self, request: Request, key: str) -> Response:
        """By the key that you gave it."""
        found = None if "\x00" in key else _rows().filter(key=PREFIX + key).values(*COLUMNS).first()
        if found is None:
            raise Http404
        return Response(_document(found))


class ReleaseReservationsView(ApiView):
    scope_area, permission_model = "inventory", "inventory.reservation"

    @extend_schema(
        operation_id="reservations_release",
        parameters=[IDEMPOTENCY_KEY],
        request=documents.ReleaseKeysSerializer,
        responses=documents.ReleasedKeys,
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Give back; keys that hold nothing are left out of the answer."""
        values = validated(documents.ReleaseKeysSerializer, request.data)
        keys = [PREFIX + key for key in values["keys"]]
        released = release(keys, actor=actor_of(request), reason=values["reason"])
        return Response({"released": [key.removeprefix(PREFIX) for key in released]})


def _rows():
    return Reservation.objects.filter(key__startswith=PREFIX)


def _requests(wanted: Sequence[Mapping[str, Any]]) -> list[ReservationRequest]:
    places = {
        f"requests[{at}].lines[{index}]": row
        for at, request in enumerate(wanted)
        for index, row in enumerate(request["lines"])
    }
    _refuse_repeated([row["key"] for row in places.values()])
    pairs = iter(resolve(list(places.values()), list(places)))
    now = timezone.now()
    return [
        ReservationRequest(
            tuple(
                ReservationLine(PREFIX + row["key"], row["reference"], *next(pairs), row["quantity"])
                for row in request["lines"]
            ),
            kind=request["kind"],
            expires_at=_expiry(now, request.get("expires_in_seconds")),
            partial=request["partial"],
        )
        for request in wanted
    ]


def _refuse_repeated(keys: Sequence[str]) -> None:
    twice = sorted({key for key in keys if keys.count(key) > 1}) if len(set(keys)) != len(keys) else []
    if twice:
        raise InvalidInput([fault("duplicate_key", "key", f"The key {key} comes twice.") for key in twice])


def _expiry(now, seconds: int | None):
    return now + timedelta(seconds=seconds) if seconds else None


def _short(line: Shortage) -> dict[str, Any]:
    return {
        "key": line.key.removeprefix(PREFIX),
        "sku": line.sku,
        "source": line.source_code,
        "wanted": line.wanted,
        "available": line.available,
    }


def _document(values: dict[str, Any]) -> dict[str, Any]:
    plain = {name: values[name] for name in COLUMNS if "__" not in name and name != "id"}
    head = {"sku": values["position__product__sku"], "source": values["position__source__code"]}
    return plain | head | {"key": values["key"].removeprefix(PREFIX)}
