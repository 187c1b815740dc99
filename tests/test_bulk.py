"""The hot writes give the same answers on both databases."""

import pytest

from inventory.models import Product
from iom.lib import bulk

pytestmark = pytest.mark.django_db
FIELDS = (
    "sku", "name", "category", "base_unit", "weight_grams", "length_mm", "width_mm", "height_mm", "price", "currency",
    "preorder_eligible", "active", "created_at", "updated_at",
)  # fmt: skip


def row(sku, price="1.50"):
    from django.utils import timezone

    now = timezone.now()
    return (sku, 'quote " back\\slash\ttab', "", "each", 1, 0, 0, 0, price, "USD", False, True, now, now)


def test_inserted_rows_come_back_in_their_order():
    made = bulk.insert(Product, FIELDS, [row("B"), row("A")], returning=("pk", "sku"))

    assert [sku for _, sku in made] == ["B", "A"]
    assert dict(made) == dict(Product.objects.values_list("pk", "sku"))
    assert set(Product.objects.values_list("name", flat=True)) == {'quote " back\\slash\ttab'}


def test_a_row_in_conflict_is_left_out_of_the_answer():
    bulk.insert(Product, FIELDS, [row("A")])

    made = bulk.insert(Product, FIELDS, [row("A"), row("B")], returning=("sku",), skip_conflicts=True)

    assert made == [("B",)]
    assert Product.objects.count() == 2


def test_many_rows_of_which_one_is_there_already_go_in_without_it():
    bulk.insert(Product, FIELDS, [row("P05")])
    rows = [row(f"P{n:02}") for n in range(20)]

    made = bulk.insert(Product, FIELDS, rows, returning=("pk", "sku"), skip_conflicts=True, mostly_new=True)
    again = bulk.insert(Product, FIELDS, rows, returning=("sku",), skip_conflicts=True, mostly_new=True)

    assert [sku for _, sku in made] == [f"P{n:02}" for n in range(20) if n != 5]
    assert dict(made).items() <= dict(Product.objects.values_list("pk", "sku")).items()
    assert again == [] and Product.objects.count() == 20


def test_an_update_tells_how_many_rows_it_changed():
    made = bulk.insert(Product, FIELDS, [row("A"), row("B"), row("C")], returning=("pk",))

    changed = bulk.update(Product, "pk", ("category",), [(pk, "x") for (pk,) in made[:2]] + [(0, "x")])

    assert changed == 2
    assert list(Product.objects.order_by("sku").values_list("category", flat=True)) == ["x", "x", ""]


def test_nothing_is_nothing():
    assert bulk.insert(Product, FIELDS, [], returning=("pk",)) == []
    assert bulk.update(Product, "pk", ("category",), []) == 0
