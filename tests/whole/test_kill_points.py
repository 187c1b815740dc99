"""F1, F2: a worker dies at each named point of each stage that an order passes; the order still ends once."""

import pytest
from rig import House

pytestmark = [pytest.mark.processes, pytest.mark.postgres]
POINTS = ("runs_claimed", "before_commit", "outbox_claimed", "outbox_after_call", "outbox_before_commit")
# The n-th pass of a point: a lone order's run is claimed when it comes, is sent, is shipped, is invoiced; its calls
# are the one to the 3PL, the shipment to the shop, the invoice, the statuses to the shop.
PASSES = range(1, 4)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with House(tmp_path_factory.mktemp("points"), names=("sandbox",), only="3pl", pace=0.01) as running:
        running.orders = 0
        yield running


@pytest.mark.parametrize("nth", PASSES)
@pytest.mark.parametrize("point", POINTS)
def test_a_worker_dies_there_and_the_order_ends_once(house, point, nth):
    house.receive(1)
    house.orders += 1
    house.work_until_dead(f"{point}:{nth}")
    house.work_until_over(house.orders)
    house.judge_outside(house.orders)


def test_and_after_all_that_everything_adds_up(house):
    house.judge(house.orders)


def test_control_without_keys_outside_a_death_after_the_call_doubles(tmp_path):
    with House(tmp_path, names=("sandbox",), only="3pl", pace=0.01) as house:
        house.call("/weather", {"forgets_keys": True})
        house.receive(1)
        house.work_until_dead("outbox_after_call")
        house.work_until_over(1)
        assert house.ledger()["doubled_threepl"] >= 1
        with pytest.raises(AssertionError):
            house.judge(1)
