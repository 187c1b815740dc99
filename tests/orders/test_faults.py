from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest

from orders.models import Order
from orders.services.intake import create_orders
from orders.types import ChargeDraft, LineDraft, Party

pytestmark = pytest.mark.django_db
LINE = LineDraft(1, "MUG", 1, Decimal("2.00"))

BAD = [
    ({"lines": (replace(LINE, quantity=0),)}, "quantity_out_of_range", "lines[0].quantity"),
    ({"lines": (replace(LINE, quantity=-1),)}, "quantity_out_of_range", "lines[0].quantity"),
    ({"lines": (replace(LINE, quantity=True),)}, "quantity_out_of_range", "lines[0].quantity"),
    ({"lines": (replace(LINE, quantity=1.5),)}, "quantity_out_of_range", "lines[0].quantity"),
    ({"lines": (replace(LINE, quantity=10**30),)}, "quantity_out_of_range", "lines[0].quantity"),
    ({"lines": (replace(LINE, unit_price=Decimal("NaN")),)}, "price_out_of_range", "lines[0].unit_price"),
    ({"lines": (replace(LINE, unit_price=Decimal("1e400")),)}, "price_out_of_range", "lines[0].unit_price"),
    ({"lines": (replace(LINE, unit_price=Decimal(-1)),)}, "price_out_of_range", "lines[0].unit_price"),
    ({"lines": (replace(LINE, unit_price=Decimal("1.005")),)}, "money_format", "lines[0].unit_price"),
    (
        {"lines": (replace(LINE, discount_minor=201), replace(LINE, line_number=2))},
        "discount_too_large",
        "lines[0].discount_minor",
    ),
    ({"lines": (LINE, LINE)}, "duplicate_line_number", "lines[1].line_number"),
    ({"lines": ()}, "no_lines", "lines"),
    ({"lines": tuple(replace(LINE, line_number=n) for n in range(1, 2002))}, "too_many_lines", "lines"),
    ({"lines": (replace(LINE, sku="NONE"),)}, "unknown_sku", "lines[0].sku"),
    ({"lines": (replace(LINE, sku=""),)}, "required", "lines[0].sku"),
    ({"currency": "ZZZ"}, "unknown_currency", "currency"),
    ({"ship_to": Party(country="ZZ")}, "unknown_country", "ship_to.country"),
    ({"ship_to": Party(latitude=91.0, longitude=0.0)}, "bad_location", "ship_to.latitude"),
    ({"ship_to": Party(line1="x" * 401)}, "text_too_long", "ship_to.line1"),
    ({"notes": "a\0b"}, "bad_text", "notes"),
    ({"customer_name": "\ud800"}, "bad_text", "customer_name"),
    ({"external_id": "  "}, "required", "external_id"),
    ({"placed_at": datetime(2026, 1, 1)}, "bad_time", "placed_at"),
    ({"customer_code": "C-404"}, "unknown_customer", "customer_code"),
    ({"channel_id": 10**6}, "unknown_channel", "channel"),
    ({"charges": (ChargeDraft("bribe", 1),)}, "unknown_charge", "charges[0].kind"),
    ({"charges": (ChargeDraft("discount", 1),)}, "amount_out_of_range", "charges[0].amount_minor"),
    ({"charges": (ChargeDraft("discount", -10_000),)}, "total_out_of_range", "total_minor"),
]


@pytest.mark.parametrize(("changes", "code", "field"), BAD)
def test_a_bad_draft_is_refused_with_code_field_and_what_to_do(make_draft, changes, code, field):
    (intake,) = create_orders([make_draft(**changes)], actor="test")

    assert intake.result == "refused"
    assert [(row["code"], row["field"]) for row in intake.errors] == [(code, field)]
    assert intake.errors[0]["message"] and intake.errors[0]["fix"]
    assert Order.objects.count() == 0


def test_a_total_that_does_not_add_up_names_both_figures(make_draft):
    (intake,) = create_orders([make_draft(total_minor=8000)], actor="test")

    (row,) = intake.errors
    assert (row["code"], row["given_minor"], row["computed_minor"]) == ("totals_mismatch", 8000, 8875)
    assert row["message"] == "The total says 80.00 USD, its parts add up to 88.75 USD."


def test_goods_by_weight_may_cost_less_than_a_cent(make_draft, products):
    type(products["TEA"]).objects.filter(sku="TEA").update(base_unit="g")
    line = LineDraft(1, "TEA", 1000, Decimal("0.0045"))

    (intake,) = create_orders([make_draft(lines=(line,))], actor="test")

    assert Order.objects.get(pk=intake.order_id).total_minor == 450
