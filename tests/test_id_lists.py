"""Lists of ids go to the database as one value, whatever collection they come in."""

import pytest

from inventory.models import FulfillmentSource, InventoryPosition, Product
from inventory.services.stock import set_on_hand
from inventory.types import StockLevel

pytestmark = pytest.mark.django_db


@pytest.fixture
def ids():
    made = Product.objects.bulk_create([Product(sku=f"P{n}", name="P", price=1) for n in range(3)])
    return [product.pk for product in made]


@pytest.mark.parametrize(
    "collect", [list, tuple, set, frozenset, dict.fromkeys, lambda ids: dict.fromkeys(ids).keys()]
)
def test_any_collection_finds_the_same_rows(ids, collect):
    found = Product.objects.filter(pk__in=collect(ids[:2])).order_by("pk").values_list("pk", flat=True)

    assert list(found) == ids[:2]


def test_ids_as_text_mixed_or_missing_are_prepared_one_by_one(ids):
    assert Product.objects.filter(pk__in=[str(ids[0]), ids[1], None]).count() == 2
    assert Product.objects.filter(pk__in=[ids[2], None]).count() == 1
    assert not Product.objects.filter(pk__in=[None]).exists()
    assert not Product.objects.filter(pk__in=[]).exists()
    with pytest.raises(ValueError, match="expected a number"):
        Product.objects.filter(pk__in=["many"]).exists()


def test_foreign_keys_take_ids_and_records(ids):
    source = FulfillmentSource.objects.create(code="DC", name="DC", type="warehouse")
    set_on_hand([StockLevel(pk, source.pk, 1) for pk in ids], actor="test", reason="count")
    products = list(Product.objects.all())

    assert InventoryPosition.objects.filter(product__in=ids[:2]).count() == 2
    assert InventoryPosition.objects.filter(product__in=products).count() == 3
    assert InventoryPosition.objects.filter(product__in=Product.objects.filter(pk=ids[0])).count() == 1
    assert InventoryPosition.objects.exclude(product_id__in=set(ids[:2])).count() == 1


def test_skus_with_odd_letters_are_found_together():
    odd = ['a"b', "c,d", "{e}", "f\\g", "é", "%s", "NULL", ""]
    Product.objects.bulk_create([Product(sku=sku, name="P", price=1) for sku in odd])

    assert Product.objects.filter(sku__in=odd).count() == len(odd)
    assert Product.objects.filter(sku__in={"NULL", "%s", "none"}).count() == 2
