import pytest
from django.db import OperationalError, connection, transaction

from inventory.models import Product
from iom.lib.retry import ATTEMPTS, Repeat, whole_unit


class DatabaseSays(Exception):
    def __init__(self, sqlstate):
        self.sqlstate = sqlstate


def failing(times, error):
    """A unit that writes a product and then fails so often; and the list of its attempts."""
    attempts = []

    @whole_unit
    def unit():
        attempts.append(1)
        Product.objects.create(sku=f"P{len(attempts)}", name="x")
        if len(attempts) <= times:
            raise error
        return "done"

    return unit, attempts


def lost(sqlstate):
    error = OperationalError("lost")
    error.__cause__ = DatabaseSays(sqlstate)
    return error


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [lost("40P01"), lost("40001"), Repeat()])
def test_a_lost_race_runs_the_whole_unit_again(error):
    unit, attempts = failing(ATTEMPTS - 1, error)

    assert unit() == "done"
    assert len(attempts) == ATTEMPTS
    assert list(Product.objects.values_list("sku", flat=True)) == [f"P{ATTEMPTS}"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("error", "tries"), [(lost("40P01"), ATTEMPTS), (lost("55P03"), 1), (ValueError(), 1)]
)
def test_what_stays_lost_is_raised_with_nothing_written(error, tries):
    unit, attempts = failing(ATTEMPTS, error)

    with pytest.raises(type(error)):
        unit()

    assert len(attempts) == tries
    assert not Product.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("error", "tries"), [(lost("40P01"), 1), (Repeat(), ATTEMPTS)])
def test_inside_a_callers_transaction_a_deadlock_goes_up(error, tries):
    unit, attempts = failing(ATTEMPTS, error)

    with transaction.atomic():
        with pytest.raises(type(error)):
            unit()
        assert connection.in_atomic_block
        assert not Product.objects.exists()

    assert len(attempts) == tries
