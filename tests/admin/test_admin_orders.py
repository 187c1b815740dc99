"""Orders in the admin: bulk actions tell what happened, entry by hand is once, edits never overwrite silently."""

from datetime import UTC, datetime

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from orders.models import Hold, Order
from orders.services.editing import update_order

LIST = "admin:orders_order_changelist"
pytestmark = pytest.mark.django_db


def _act(client, action, ids, **more):
    return client.post(reverse(LIST), {"action": action, "_selected_action": ids, **more})


def _said(answer) -> list[str]:
    return [str(message) for message in get_messages(answer.wsgi_request)]


def _new_order(world, **changes):
    return {
        "submit_token": "M-0123456789", "currency": "USD", "placed_at_0": "2026-11-20", "placed_at_1": "10:00:00",
        "customer_name": "Ann", "customer_email": "ann@example.com", "customer_phone": "+1 775 555 0100",
        "ship_to_name": "Ann", "ship_to_line1": "1 Main St", "ship_to_city": "Reno", "ship_to_region": "NV",
        "ship_to_postal_code": "89501", "ship_to_country": "us", "priority": "50",
        "lines-TOTAL_FORMS": "2", "lines-INITIAL_FORMS": "0", "lines-MIN_NUM_FORMS": "0", "lines-MAX_NUM_FORMS": "1000",
        "lines-0-product": str(world["product"].pk), "lines-0-quantity": "3", "lines-0-unit_price": "99.50",
        "lines-1-unit_price": "", "_save": "Save", **changes,
    }  # fmt: skip


def test_hold_asks_for_type_and_reason_and_then_holds(browse, make_orders):
    client, ids = browse("Order desk"), make_orders(2)
    asked = _act(client, "hold", ids)
    assert asked.status_code == 200 and "SO-" in asked.content.decode()
    assert not Hold.objects.exists()

    answer = _act(client, "hold", ids, confirm="1", type="fraud", reason="odd address")

    assert _said(answer) == ["2 orders held."]
    assert sorted(Hold.objects.values_list("order_id", "type", "placed_by")) == [
        (pk, "fraud", "user:order-desk") for pk in sorted(ids)
    ]


def test_release_and_refusal_are_told_apart(browse, make_orders):
    client, (held, free) = browse("Order desk"), make_orders(2)
    _act(client, "hold", [held], confirm="1", type="manual", reason="wait")
    answer = _act(client, "release", [held, free], confirm="1", note="ok")
    assert "1 order released." in _said(answer)
    assert not Hold.objects.filter(released_at__isnull=True).exists()


def test_cancel_says_what_refused_and_why(browse, make_orders):
    client, ids = browse("Order desk"), make_orders(2)
    Order.objects.filter(pk=ids[1]).update(state="shipped")
    answer = _act(client, "cancel", ids, confirm="1", reason="customer changed their mind")
    said = " ".join(_said(answer))
    assert "1 order canceled." in said and "not canceled" in said and "shipped" in said
    assert Order.objects.get(pk=ids[0]).state == "canceled"
    assert Order.objects.get(pk=ids[1]).state == "shipped"


def test_an_order_entered_by_hand_is_a_draft_until_orchestrated(browse, world):
    client = browse("Order desk")
    answer = client.post(reverse("admin:orders_order_add"), _new_order(world))
    order = Order.objects.get()
    assert answer["Location"] == reverse("admin:orders_order_change", args=[order.pk])
    assert (order.state, order.is_manual, order.channel.key, order.total_minor) == (
        "draft",
        True,
        "manual",
        29850,
    )
    assert order.ship_to_country == "US"

    page = client.get(answer["Location"])
    assert "orders_order_orchestrate_now" in page.content.decode()
    form = page.context["adminform"].form
    sent = {name: form[name].value() or "" for name in form.fields} | _lines_of(page)
    sent |= {
        "requested_delivery_at_0": "",
        "requested_delivery_at_1": "",
        "orders_order_orchestrate_now": "1",
    }
    answer = client.post(answer["Location"], sent)

    assert answer.status_code == 302, answer.context["errors"]
    assert answer["Location"] == reverse("order-page", args=[order.pk])  # to watch it go
    assert Order.objects.get().state == "new"


def _lines_of(page) -> dict:
    """What a browser sends back for the rows below the form."""
    fields = {}
    for inline in page.context["inline_admin_formsets"]:
        formset = inline.formset
        management = {**formset.management_form.initial, "TOTAL_FORMS": len(formset.initial_forms)}
        fields |= {f"{formset.prefix}-{name}": value for name, value in management.items()}
        for form in formset.initial_forms:
            names = [name for name in form.fields if name != "DELETE"]
            fields |= {form.add_prefix(name): form[name].value() or "" for name in names}
    return fields


def test_the_same_form_sent_five_times_makes_one_order(browse, world):
    client = browse("Order desk")
    places = {client.post(reverse("admin:orders_order_add"), _new_order(world))["Location"] for _ in range(5)}
    assert (len(places), Order.objects.count()) == (1, 1)


def test_a_sent_form_changed_and_sent_again_is_refused_with_the_order_it_made(browse, world):
    client = browse("Order desk")
    client.post(reverse("admin:orders_order_add"), _new_order(world))
    answer = client.post(reverse("admin:orders_order_add"), _new_order(world, customer_name="Bob"))
    assert Order.objects.get().number in answer.content.decode()
    assert Order.objects.count() == 1


def test_an_order_without_lines_or_with_a_bad_one_is_drawn_again(browse, world):
    client = browse("Order desk")
    empty = {"lines-0-product": "", "lines-0-quantity": "", "lines-0-unit_price": ""}
    none = client.post(reverse("admin:orders_order_add"), _new_order(world, **empty))
    wrong = client.post(reverse("admin:orders_order_add"), _new_order(world, **{"lines-0-quantity": "0"}))
    assert "at least one line" in none.content.decode()
    assert "At least 1." in wrong.content.decode()
    assert not Order.objects.exists()


def test_a_line_without_a_price_costs_what_the_product_does(browse, world):
    client, free = (
        browse("Order desk"),
        {"lines-1-product": str(world["product"].pk), "lines-1-quantity": "1"},
    )
    client.post(
        reverse("admin:orders_order_add"),
        _new_order(world, **{"lines-0-unit_price": ""}, **free, **{"lines-1-unit_price": "0"}),
    )
    lines = Order.objects.get().lines.order_by("line_number")
    assert [line.unit_price for line in lines] == [world["product"].price, 0]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"currency": "EUR"}, "has its price in USD: say one in EUR."),
        ({"lines-0-product": "", "lines-0-sku": "GIFT-WRAP"}, "A write-in line needs its price."),
    ],
)
def test_a_price_that_nobody_knows_is_asked_for(browse, world, changes, sentence):
    client = browse("Order desk")
    answer = client.post(
        reverse("admin:orders_order_add"), _new_order(world, **{"lines-0-unit_price": ""}, **changes)
    )
    assert sentence in answer.content.decode()
    assert not Order.objects.exists()


def test_a_stale_edit_shows_both_values_and_changes_nothing(browse, make_orders):
    client, (pk,) = browse("Order desk"), make_orders(1)
    url = reverse("admin:orders_order_change", args=[pk])
    page = client.get(url)
    form = page.context["adminform"].form
    sent = {name: form[name].value() or "" for name in form.fields} | {"notes": "mine"} | _lines_of(page)
    sent |= {"requested_delivery_at_0": "", "requested_delivery_at_1": ""}
    update_order(pk, version=1, changes={"notes": "theirs"}, actor="user:other")

    answer = client.post(url, sent)

    assert answer.status_code == 200
    assert "theirs" in answer.content.decode() and "mine" in answer.content.decode()
    assert Order.objects.get(pk=pk).notes == "theirs"


def test_state_is_no_form_field(browse, make_orders):
    client, (pk,) = browse(), make_orders(1)
    form = client.get(reverse("admin:orders_order_change", args=[pk])).context["adminform"].form
    assert not {"state", "state_reason", "total_minor", "version"} & set(form.fields)


def test_an_order_in_a_read_only_state_has_no_save_button(browse, make_orders):
    client, (pk,) = browse("Order desk"), make_orders(1)
    Order.objects.filter(pk=pk).update(state="shipped", shipped_at=datetime.now(UTC))
    assert 'name="_save"' not in client.get(reverse("admin:orders_order_change", args=[pk])).content.decode()
