"""POST /orders/: one order, or up to 500 with an outcome for each."""

from collections.abc import Mapping, Sequence
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from iom.lib.api.clients import actor_of, channel_ids_of
from iom.lib.api.errors import InvalidInput, Problem, fault
from orders.api.documents import order_url
from orders.api.reading import read_order
from orders.models import Channel
from orders.numbers import number_of
from orders.services.intake import create_orders
from orders.types import Intake, OrderDraft

MOST_ORDERS = 500
# The order is readable, but says something that cannot be: 422, everything else that is refused is 400.
CONTRADICTIONS = (
    "totals_mismatch",
    "discount_too_large",
    "total_out_of_range",
    "inactive_",
    "method_not_allowed",
)
RESULTS = ("created", "existing", "conflict", "refused")


def take_in(request: Request) -> Response:
    data = request.data
    if not data:
        raise Problem("empty_body", 'Send one order, or {"orders": [ … ]}.')
    return _many(request, data) if "orders" in data else _one(request, data)


def _one(request: Request, data: Mapping[str, Any]) -> Response:
    row = outcomes(request, [data])[0]
    if row["result"] == "refused":
        raise InvalidInput(row["errors"], status=_status(row["errors"]))
    if row["result"] == "conflict":
        link = {name: row[name] for name in ("number", "id", "url")}
        message = row["errors"][0]["message"]
        raise Problem("order_exists", message, status=409, errors=row["errors"], extra=link)
    del row["index"], row["errors"]
    status = 201 if row["result"] == "created" else 200
    return Response(row, status=status, headers={"Location": row["url"]})


def _many(request: Request, data: Mapping[str, Any]) -> Response:
    rows = data["orders"]
    if set(data) != {"orders"}:
        names = sorted(set(data) - {"orders"})
        raise InvalidInput(
            [fault("unknown_field", name[:60], f"{name[:60]} is not known beside orders.") for name in names]
        )
    if type(rows) is not list or not rows:
        raise InvalidInput(
            [fault("list_expected", "orders", "orders must be a list with at least one order.")]
        )
    if len(rows) > MOST_ORDERS:
        message = f"{len(rows)} orders in one request; the most is {MOST_ORDERS}."
        raise InvalidInput(
            [fault("too_many_orders", "orders", message, "Send several requests.")], status=413
        )
    found = outcomes(request, rows)
    counts = dict.fromkeys(RESULTS, 0)
    for row in found:
        counts[row["result"]] += 1
    return Response(counts | {"rows": found}, status=201 if counts["created"] else 200)


def outcomes(request: Request, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """What became of each, in the order given; orders that cannot be read do not keep the others out."""
    channels = _channels(request, rows)
    drafts: list[OrderDraft] = []
    answers: list[dict[str, Any] | None] = []
    for index, data in enumerate(rows):
        draft, faults = read_order(data, channels)
        answers.append(None if draft else _answer(index, "refused", None, faults))
        if draft:
            drafts.append(draft)
    waiting = [index for index, answer in enumerate(answers) if answer is None]
    for index, intake in zip(waiting, create_orders(drafts, actor=actor_of(request)), strict=True):
        answers[index] = _of(index, intake)
    return answers


def _channels(request: Request, rows: Sequence[Any]) -> dict[str, Channel]:
    keys = {key for row in rows if type(row) is dict and type(key := row.get("channel")) is str}
    found = Channel.objects.filter(key__in=keys, active=True)
    if (allowed := channel_ids_of(request)) is not None:
        found = found.filter(pk__in=allowed)
    return {channel.key: channel for channel in found}


def _of(index: int, intake: Intake) -> dict[str, Any]:
    """The API has amounts in the currency's own units, the drafts in minor units: paths lose that part of the name."""
    errors = [{**row, "field": str(row["field"]).replace("_minor", "")} for row in intake.errors]
    return _answer(index, intake.result, intake.order_id, errors)


def _answer(
    index: int, result: str, order_id: int | None, errors: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    known = {"number": number_of(order_id), "id": order_id, "url": order_url(order_id)} if order_id else {}
    return {"index": index, "result": result, **known, "errors": list(errors)}


def _status(errors: Sequence[Mapping[str, Any]]) -> int:
    codes = [row["code"] for row in errors]
    if "too_many_lines" in codes:
        return 413
    return (
        422
        if all(code.startswith(("unknown_", *CONTRADICTIONS)) and code != "unknown_field" for code in codes)
        else 400
    )
