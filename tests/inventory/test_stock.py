import pytest
from django.db import IntegrityError, transaction

from inventory.errors import InvalidQuantity, StockBelowReserved, UnknownProduct, UnknownSource
from inventory.models import FulfillmentSource, InventoryMovement, InventoryPosition, Product, Reservation
from inventory.selectors import availability
from inventory.services import check
from inventory.services.reservations import reserve
from inventory.services.stock import adjust, set_on_hand, set_safety_stock
from inventory.types import LedgerDifference, StockChange, StockConflict, StockLevel

pytestmark = pytest.mark.django_db


def ledger():
    rows = InventoryMovement.objects.order_by("pk")
    return list(
        rows.values_list("kind", "on_hand_delta", "safety_stock_delta", "reference", "reason", "actor")
    )


def test_set_makes_the_position_and_says_so_in_the_ledger(product, source, ledger_holds):
    level = StockLevel(product.pk, source.pk, 10, reference="count:1")

    assert set_on_hand([level], actor="user:anna", reason="spring count") == 1
    assert set_on_hand([level], actor="user:anna", reason="spring count") == 0
    assert availability([product.pk]) == [(product.pk, source.pk, 10, 0, 0)]
    assert ledger() == [("set", 10, 0, "count:1", "spring count", "user:anna")]
    ledger_holds()


def test_the_last_of_two_levels_for_a_position_counts(product, source, ledger_holds):
    levels = [StockLevel(product.pk, source.pk, 10), StockLevel(product.pk, source.pk, 7)]

    assert set_on_hand(levels, actor="test", reason="") == 1
    assert availability([product.pk]) == [(product.pk, source.pk, 7, 0, 0)]
    ledger_holds()


def test_set_below_reserved_is_refused_naming_all_rows(shelf, want, everything):
    first, second, third = shelf(3)
    reserve([want(("a", first, 4), ("b", second, 5))], actor="test")
    before = everything()
    levels = [StockLevel(p.product_id, p.source_id, n) for p, n in ((first, 3), (second, 4), (third, 1))]

    with pytest.raises(StockBelowReserved) as refusal:
        set_on_hand(levels, actor="test", reason="")

    assert refusal.value.conflicts == [
        StockConflict(first.product_id, first.source_id, "S0000", "SHELF", wanted=3, reserved=4),
        StockConflict(second.product_id, second.source_id, "S0001", "SHELF", wanted=4, reserved=5),
    ]
    assert everything() == before


def test_set_down_to_reserved_is_allowed(stocked, want, counters):
    reserve([want(("a", stocked, 4))], actor="test")

    assert set_on_hand([StockLevel(stocked.product_id, stocked.source_id, 4)], actor="test", reason="") == 1
    assert counters(stocked) == (4, 4, 0)


def test_adjust_adds_up_and_counts_every_call(stocked, counters, ledger_holds):
    changes = [StockChange(stocked.product_id, stocked.source_id, n, f"row:{n}") for n in (5, -7, 0)]

    assert adjust(changes, actor="test", reason="found") == 1
    assert counters(stocked) == (8, 0, 0)
    assert adjust(changes, actor="test", reason="found") == 1
    assert counters(stocked) == (6, 0, 0)
    assert ledger()[1:3] == [
        ("adjust", 5, 0, "row:5", "found", "test"),
        ("adjust", -7, 0, "row:-7", "found", "test"),
    ]
    ledger_holds()


def test_adjust_below_reserved_is_refused(stocked, want, everything):
    reserve([want(("a", stocked, 4))], actor="test")
    before = everything()

    with pytest.raises(StockBelowReserved) as refusal:
        adjust([StockChange(stocked.product_id, stocked.source_id, -7)], actor="test", reason="lost")

    assert [(c.sku, c.wanted, c.reserved) for c in refusal.value.conflicts] == [("MUG", 3, 4)]
    assert str(refusal.value) == (
        "Stock cannot fall below what is reserved: MUG at EAST: 3 on hand would not cover 4 reserved."
    )
    assert everything() == before


def test_safety_stock_is_set_once(stocked, counters, ledger_holds):
    level = StockLevel(stocked.product_id, stocked.source_id, 12)

    assert set_safety_stock([level], actor="test", reason="peak") == 1
    assert set_safety_stock([level], actor="test", reason="peak") == 0
    assert counters(stocked) == (10, 0, 12)
    assert ledger()[1:] == [("safety", 0, 12, "", "peak", "test")]
    ledger_holds()


@pytest.mark.parametrize("service", [set_on_hand, set_safety_stock, adjust])
def test_unknown_products_and_sources_are_named(product, source, everything, service):
    row = StockChange if service is adjust else StockLevel
    before = everything()

    with pytest.raises(UnknownProduct) as unknown:
        service(
            [row(product.pk, source.pk, 1), row(-1, source.pk, 1), row(-2, -3, 1)], actor="test", reason=""
        )
    assert unknown.value.ids == [-2, -1]
    with pytest.raises(UnknownSource) as unknown:
        service([row(product.pk, source.pk, 1), row(product.pk, -3, 1)], actor="test", reason="")
    assert unknown.value.ids == [-3]
    assert everything() == before


@pytest.mark.parametrize("service", [set_on_hand, set_safety_stock])
def test_negative_levels_are_named(stocked, everything, service):
    bad, before = StockLevel(stocked.product_id, stocked.source_id, -1), everything()

    with pytest.raises(InvalidQuantity) as refusal:
        service([StockLevel(stocked.product_id, stocked.source_id, 3), bad], actor="test", reason="")

    assert refusal.value.rows == [bad]
    assert everything() == before


def test_an_empty_batch_does_nothing(db, everything):
    assert set_on_hand([], actor="test", reason="") == 0
    assert adjust([], actor="test", reason="") == 0
    assert everything() == [[], [], []]


def test_as_many_queries_for_ten_thousand_levels_as_for_one(db, django_assert_max_num_queries, counters):
    sources = FulfillmentSource.objects.bulk_create(
        FulfillmentSource(code=f"S{n}", name="x") for n in range(10)
    )
    products = Product.objects.bulk_create(Product(sku=f"P{n}", name="x") for n in range(1000))
    levels = [StockLevel(product.pk, source.pk, 5) for product in products for source in sources]

    for batch, changed in ((levels[:1], 1), (levels, 9_999), (levels, 0)):
        with django_assert_max_num_queries(
            16
        ):  # 8 on PostgreSQL; SQLite takes the rows in a few statements each
            assert set_on_hand(batch, actor="feed", reason="nightly") == changed
    assert InventoryPosition.objects.filter(on_hand=5).count() == 10_000


def test_as_many_queries_for_two_hundred_as_for_one(shelf, django_assert_num_queries):
    shelves = shelf(200)
    for service, row, quantity in (
        (set_on_hand, StockLevel, 20),
        (adjust, StockChange, 1),
        (set_safety_stock, StockLevel, 3),
    ):
        for batch in (shelves[:1], shelves[1:]):
            with django_assert_num_queries(
                8
            ):  # savepoint, products, sources, known, lock, counters, movements, end
                service([row(p.product_id, p.source_id, quantity) for p in batch], actor="test", reason="")


def test_availability_is_one_query(shelf, django_assert_num_queries):
    first, second, _ = shelf(3)

    with django_assert_num_queries(1):
        rows = availability([first.product_id, second.product_id], [first.source_id])

    assert sorted(rows) == [(p.product_id, p.source_id, 10, 0, 0) for p in (first, second)]
    assert availability([first.product_id], []) == []


def test_the_check_names_what_differs(shelf, want):
    first, second = shelf(2)
    reserve([want(("a", first, 4)), want(("b", second, 2))], actor="test")

    InventoryPosition.objects.filter(pk=first.pk).update(on_hand=12)
    Reservation.objects.filter(key="b").update(quantity=1)

    assert check.ledger_differences() == [
        LedgerDifference(first.pk, "on_hand", stored=12, expected=10),
        LedgerDifference(second.pk, "reserved", stored=2, expected=1),
    ]


@pytest.mark.parametrize("wrong", [{"on_hand": -1}, {"reserved": 11}, {"reserved": -1}, {"safety_stock": -1}])
def test_the_database_has_the_last_word(stocked, wrong):
    with pytest.raises(IntegrityError), transaction.atomic():
        InventoryPosition.objects.filter(pk=stocked.pk).update(**wrong)
