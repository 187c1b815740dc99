"""Orders by API: what goes in, what comes out, what is refused and how it is said."""

import pytest

from orders.models import Hold, Order, OrderNote, StateDefinition

pytestmark = pytest.mark.django_db


def codes(response) -> set[tuple[str, str]]:
    return {(row["code"], row["field"]) for row in response.json()["errors"]}


def test_an_order_is_created_once(api, order):
    first = api.post("orders/", order())
    again = api.post("orders/", order())

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["result"] == "created"
    assert again.json() == first.json() | {"result": "existing"}
    assert Order.objects.get().total_minor == 3980


def test_same_external_id_with_other_content_is_a_conflict_that_names_the_first(api, order):
    number = api.post("orders/", order()).json()["number"]

    response = api.post("orders/", order(customer_name="Somebody else"))

    assert response.status_code == 409
    assert response.json()["code"] == "order_exists"
    assert response.json()["number"] == number
    assert response.json()["url"] == f"/api/v1/orders/{number}/"
    assert Order.objects.count() == 1


def test_a_batch_answers_row_by_row(api, order):
    api.post("orders/", order())
    rows = [
        order(),
        order(customer_name="Other"),
        order(external_id="A-2"),
        order(external_id="A-3", lines=[]),
        order(external_id="A-4", lines=[{"sku": "NONE", "quantity": 1, "unit_price": 1}]),
        7,
    ]

    response = api.post("orders/", {"orders": rows})

    assert response.status_code == 201
    answer = response.json()
    assert [row["result"] for row in answer["rows"]] == [
        "existing", "conflict", "created", "refused", "refused", "refused",
    ]  # fmt: skip
    assert {name: answer[name] for name in ("created", "existing", "conflict", "refused")} == {
        "created": 1, "existing": 1, "conflict": 1, "refused": 3,
    }  # fmt: skip
    assert [row["errors"][0]["code"] for row in answer["rows"][3:]] == [
        "no_lines",
        "unknown_sku",
        "object_expected",
    ]
    assert Order.objects.count() == 2


@pytest.mark.parametrize(
    ("changes", "status", "code", "field"),
    [
        ({"state": "shipped"}, 400, "read_only", "state"),
        ({"total_typo": 1}, 400, "unknown_field", "total_typo"),
        ({"id": 4}, 400, "read_only", "id"),
        ({"external_id": ...}, 400, "required", "external_id"),
        ({"external_id": "  "}, 400, "required", "external_id"),
        ({"external_id": 5}, 400, "text_expected", "external_id"),
        ({"external_id": None}, 400, "required", "external_id"),
        ({"channel": "nowhere"}, 422, "unknown_channel", "channel"),
        ({"channel": ["web"]}, 400, "text_expected", "channel"),
        ({"currency": "XXX"}, 422, "unknown_currency", "currency"),
        ({"currency": []}, 400, "text_expected", "currency"),
        ({"total": "1.00"}, 422, "totals_mismatch", "total"),
        ({"total": "1.005"}, 400, "money_format", "total"),
        ({"total": -1}, 400, "amount_out_of_range", "total"),
        ({"placed_at": "2026-02-30T00:00:00Z"}, 400, "bad_time", "placed_at"),
        ({"placed_at": "0001-01-01T00:00:00+14:00"}, 400, "bad_time", "placed_at"),
        ({"placed_at": "9999-12-31T23:59:59-14:00"}, 400, "bad_time", "placed_at"),
        ({"placed_at": "2026-05-01T12:00:00"}, 400, "naive_time", "placed_at"),
        ({"placed_at": 1777000000000}, 400, "bad_time", "placed_at"),
        ({"lines": []}, 400, "no_lines", "lines"),
        ({"lines": {}}, 400, "list_expected", "lines"),
        ({"lines": [1]}, 400, "object_expected", "lines[0]"),
        ({"lines": [{"sku": "TEE-S", "quantity": 1, "unit_price": 1}] * 10_000}, 413, "too_many_lines", "lines"),
        (
            {"lines": [{"line_number": 1, "sku": "TEE-S", "quantity": 1, "unit_price": 1}] * 2},
            400, "duplicate_line_number", "lines[1].line_number",
        ),
        ({"ship_to": "Main St"}, 400, "object_expected", "ship_to"),
        ({"ship_to": {"country": "ZZ"}}, 422, "unknown_country", "ship_to.country"),
        ({"ship_to": {"name": "x" * 10_000}}, 400, "text_too_long", "ship_to.name"),
        ({"ship_to": {"latitude": 1e25, "longitude": 0}}, 400, "bad_location", "ship_to.latitude"),
        ({"charges": [{"kind": "bribe", "amount": 1}]}, 422, "unknown_charge", "charges[0].kind"),
        ({"tags": "vip"}, 400, "list_expected", "tags"),
        ({"priority": True}, 400, "out_of_range", "priority"),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_bad_orders_are_refused_by_code_and_field(api, order, changes, status, code, field):
    response = api.post("orders/", order(**changes))

    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
    assert (code, field) in codes(response)
    assert all(row["message"] for row in response.json()["errors"])
    assert not Order.objects.exists()


@pytest.mark.parametrize("quantity", [0, -1, 1.5, 10**30, True, "1,5", "2", None, [], {}])
def test_quantities_are_whole_and_bounded(api, order, quantity):
    response = api.post(
        "orders/", order(lines=[{"sku": "TEE-S", "quantity": quantity, "unit_price": "1.00"}])
    )

    assert response.status_code == 400
    assert {field for _, field in codes(response)} == {"lines[0].quantity"}


@pytest.mark.parametrize(
    "price", ["1.005", "1,50", "NaN", "Infinity", "1e3", True, [], "", " 1", "१", 1.005, 10**20]
)
def test_prices_are_amounts_of_their_currency(api, order, price):
    response = api.post("orders/", order(lines=[{"sku": "TEE-S", "quantity": 1, "unit_price": price}]))

    assert response.status_code == 400
    assert codes(response) == {("money_format", "lines[0].unit_price")}


@pytest.mark.parametrize(
    ("currency", "price", "status"), [("JPY", "10.5", 400), ("JPY", "10", 201), ("KWD", "1.005", 201)]
)
def test_decimals_follow_the_currency(api, order, currency, price, status):
    body = order(currency=currency, lines=[{"sku": "TEE-S", "quantity": 1, "unit_price": price}])

    assert api.post("orders/", body).status_code == status


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"orders": [], "x": 1}', 400, "unknown_field"),
        (b'{"orders": []}', 400, "list_expected"),
        (b'{"orders": {}}', 400, "list_expected"),
        (b'{"orders": [' + b",".join([b"{}"] * 501) + b"]}", 413, "too_many_orders"),
        (b"{}", 400, "empty_body"),
        (b"", 400, "empty_body"),
        (b"[]", 400, "object_expected"),
        (b'{"notes": "\\u0000"}', 400, "bad_text"),
        (b'{"lines": [{"unit_price": 1e400}]}', 400, "bad_number"),
        (b'{"lines": [{"unit_price": NaN}]}', 400, "bad_number"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_bodies(api, web, body, status, code):
    response = api.post("orders/", body)

    assert (response.status_code, response.json()["code"]) == (status, code)


def test_wrong_content_type_and_encoding_are_refused(api, web):
    form = api.client.post("/api/v1/orders/", {"a": 1}, headers=api.headers)
    packed = api.post("orders/", {"a": 1}, Content_Encoding="br")
    unpacked = api.post("orders/", {"a": 1}, Content_Encoding="gzip")

    assert (form.status_code, form.json()["code"]) == (415, "unsupported_media_type")
    assert (packed.status_code, packed.json()["code"]) == (415, "unsupported_encoding")
    assert (unpacked.status_code, unpacked.json()["code"]) == (400, "bad_encoding")


def test_a_body_of_unknown_length_is_refused(api, order):
    response = api.post("orders/", order(), Transfer_Encoding="chunked")

    assert (response.status_code, response.json()["code"]) == (411, "length_required")


def test_hostile_text_is_kept_as_text(api, order):
    name = "<script>alert(1)</script> \u202eRTL \U0001f600"

    number = api.post("orders/", order(customer_name=name)).json()["number"]

    assert api.get(f"orders/{number}/").json()["customer_name"] == name


def test_read_one_by_number_and_by_id(api, order):
    made = api.post("orders/", order(notes="Ring twice", tags=["vip"])).json()

    by_number, by_id = api.get(f"orders/{made['number']}/"), api.get(f"orders/{made['id']}/")

    document = by_number.json()
    assert by_id.json() == document
    assert document["total"] == "39.80"
    assert document["lines"][0] | {"sku": "TEE-S", "quantity": 2, "amount": "39.80"} == document["lines"][0]
    assert document["ship_to"]["city"] == "Austin"
    assert document["tags"] == ["vip"]
    assert by_number["ETag"] == '"1"'


@pytest.mark.parametrize(
    "path", ["SO-1", "SO-99999", "0", "99999999999999999999999", "-1", "x", "%00", "1e5", "१"]
)
def test_no_such_order(api, path):
    response = api.get(f"orders/{path}/")

    assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_list_filters_and_pages(api, order):
    api.post("orders/", {"orders": [order(external_id=f"A-{n}") for n in range(5)]})

    first = api.get(
        "orders/?page_size=2&channel=web&state=new&sku=TEE-S&placed_after=2026-01-01T00:00:00Z"
    ).json()
    second = api.get(f"orders/?page_size=2&after={first['next_cursor']}").json()
    third = api.get(f"orders/?page_size=2&after={second['next_cursor']}").json()

    found = [row["external_id"] for page in (first, second, third) for row in page["results"]]
    assert found == ["A-4", "A-3", "A-2", "A-1", "A-0"]
    assert third["next_cursor"] is None
    assert "state=new" in first["next"]
    assert api.get("orders/?sku=TEE-M").json()["results"] == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("page=-1", "unknown_filter"),
        ("page_size=-1", "bad_page_size"),
        ("page_size=0", "bad_page_size"),
        ("page_size=%C2%B2", "bad_page_size"),
        ("ordering=channel__secret", "unknown_filter"),
        ("customer__user__password__startswith=a", "unknown_filter"),
        ("after=AAAA", "bad_cursor"),
        ("after=%F0%9F%98%80", "bad_cursor"),
        ("after=OTk5OTk5OTk5OTk5OTk5OTk5OQ", "bad_cursor"),
        ("placed_after=0001-01-01T00:00:00%2B14:00", "bad_filter"),
        ("placed_before=9999-12-31T23:59:59-14:00", "bad_filter"),
        ("placed_before=2026-02-30", "bad_filter"),
        ("placed_before=2026-02-03", "bad_filter"),
        ("state=new,shiped", "bad_filter"),
        ("hold=manuel", "bad_filter"),
        ("external_id=%00", "bad_text"),
        ("external_id=" + "x" * 300, "bad_filter"),
    ],
)
def test_bad_queries_are_refused(api, query, code):
    response = api.get(f"orders/?{query}")

    assert (response.status_code, response.json()["code"]) == (400, code)


def test_huge_page_size_is_capped(api, order):
    assert api.get("orders/?page_size=1000000000").status_code == 200


def test_hold_release_cancel_say_what_is_possible(api, order):
    number = api.post("orders/", order()).json()["number"]

    held = api.post(f"orders/{number}/hold/", {"type": "fraud", "reason": "Looks odd"})
    again = api.post(f"orders/{number}/hold/", {"type": "fraud"})
    released = api.post(f"orders/{number}/release/")
    canceled = api.post(f"orders/{number}/cancel/", {"reason": "Changed my mind"})
    late = api.post(f"orders/{number}/hold/", {"type": "fraud"})

    assert (held.json()["state"], held.json()["changed"], again.json()["changed"]) == ("on_hold", True, False)
    assert (released.json()["state"], canceled.json()["state"]) == ("new", "canceled")
    assert (late.status_code, late.json()["code"], late.json()["state"]) == (409, "wrong_state", "canceled")
    assert late.json()["allowed_actions"] == ["clone"]
    assert Hold.objects.count() == 1


def test_bulk_actions_say_what_was_changed_and_refused(api, order):
    rows = api.post("orders/", {"orders": [order(external_id=f"A-{n}") for n in range(3)]}).json()["rows"]
    numbers = [row["number"] for row in rows]
    api.post(f"orders/{numbers[0]}/cancel/")

    answer = api.post("orders/hold/", {"ids": numbers, "type": "manual"}).json()

    assert [row["number"] for row in answer["changed"]] == numbers[1:]
    assert [(row["number"], "canceled" in row["reason"]) for row in answer["refused"]] == [(numbers[0], True)]


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"ids": []}, "min_length", "ids"),
        ({"ids": ["SO-1042", "x"]}, "bad_id", "ids[1]"),
        ({"ids": ["1"] * 501}, "max_length", "ids"),
        ({"ids": ["1"], "type": "other"}, "invalid_choice", "type"),
        ({"ids": ["1"], "tpye": "fraud"}, "unknown_field", "tpye"),
        ({"ids": "1"}, "not_a_list", "ids"),
    ],
)
def test_bad_bulk_actions(api, db, body, code, field):
    response = api.post("orders/hold/", body)

    assert response.status_code == 400
    assert (code, field) in codes(response)


def test_unknown_id_in_a_batch_changes_nothing(api, order):
    number = api.post("orders/", order()).json()["number"]

    response = api.post("orders/hold/", {"ids": [number, "99999"], "type": "manual"})

    assert (response.status_code, response.json()["code"], response.json()["ids"]) == (
        404,
        "order_not_found",
        [99999],
    )
    assert not Hold.objects.exists()


def test_edit_needs_the_version_that_was_seen(api, order):
    number = api.post("orders/", order()).json()["number"]

    blind = api.patch(f"orders/{number}/", {"customer_name": "Bea"})
    good = api.patch(f"orders/{number}/", {"customer_name": "Bea"}, If_Match='"1"')
    stale = api.patch(f"orders/{number}/", {"customer_name": "Cleo", "version": 1})

    assert (blind.status_code, blind.json()["code"]) == (428, "version_required")
    assert (good.status_code, good.json()["customer_name"], good.json()["version"]) == (200, "Bea", 2)
    assert (stale.status_code, stale.json()["code"]) == (409, "stale_edit")
    assert stale.json()["fields"] == {"customer_name": ["Bea", "Cleo"]}


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"total": 1}, "read_only", "total"),
        ({"state": "new"}, "read_only", "state"),
        ({"quantity": 1}, "unknown_field", "quantity"),
        ({"promised_at": "2026-05-01T00:00:00"}, "bad_time", "promised_at"),
        ({"promised_at": "0001-01-01T00:00:00+14:00"}, "bad_time", "promised_at"),
        ({"priority": 101}, "max_value", "priority"),
        ({"ship_to": {"contry": "US"}}, "unknown_field", "ship_to.contry"),
    ],
)
def test_bad_edits(api, order, changes, code, field):
    number = api.post("orders/", order()).json()["number"]

    response = api.patch(f"orders/{number}/", changes | {"version": 1})

    assert response.status_code == 400
    assert (code, field) in codes(response)


def test_notes_and_orchestrate(api, order):
    number = api.post("orders/", order(draft=True)).json()["number"]

    assert api.post(f"orders/{number}/notes/", {"text": "Call first"}).status_code == 201
    assert api.post(f"orders/{number}/orchestrate/").json()["state"] == "new"
    assert OrderNote.objects.get().text == "Call first"


@pytest.mark.parametrize("count", [1, 200])
def test_a_batch_costs_the_same_few_queries(api, order, count, django_assert_max_num_queries):
    rows = [order(external_id=f"A-{n}") for n in range(count)]

    with django_assert_max_num_queries(25) as queries:
        assert api.post("orders/", {"orders": rows}).json()["created"] == count

    seen.add(len(queries))
    assert len(seen) == 1


seen: set[int] = set()


def test_a_state_that_people_made_is_a_filter_and_a_typing_error_names_what_there_is(api, order):
    assert "new, " in api.get("orders/?state=nwe").json()["detail"]
    StateDefinition.objects.create(entity="order", key="at_customs", label="At customs")
    assert api.get("orders/?state=at_customs,new").status_code == 200
    assert api.get("orders/?hold=manual,credit").json()["results"] == []
