"""Orders on the road while processes die: nothing lost, nothing doubled, nothing oversold, nothing stuck.

`IOM_STORM_ORDERS` and `IOM_STORM_KILLS` make it larger (10,000 and 200); the seed is printed with a failure.
"""

import os
import signal
import time
from pathlib import Path

import pytest
from rig import House

pytestmark = [pytest.mark.processes, pytest.mark.postgres]
ORDERS = int(os.environ.get("IOM_STORM_ORDERS", 1000))
KILLS = int(os.environ.get("IOM_STORM_KILLS", 50))
SEED = int(os.environ.get("IOM_STORM_SEED", 1))
BETWEEN_KILLS = 1.5


@pytest.fixture
def house(tmp_path):
    with House(tmp_path, seed=SEED) as running:
        yield running


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_storm_of_kills(tmp_path):
    with House(tmp_path, faults=True, seed=SEED) as house:
        for part in range(10):
            house.receive(ORDERS // 10)
            for _ in range(KILLS // 10):
                house.kill_one()
                house.processes.keep()
                time.sleep(BETWEEN_KILLS)
            print(f"storm: part {part + 1} of 10, seed {SEED}")
        house.wait_until(lambda: house.is_over(ORDERS), 240, what="every order has its end")
        house.judge(ORDERS)


@pytest.mark.parametrize("role", [0, 1, 2, 3, -1])
def test_who_ever_dies_takes_its_group_along_and_work_goes_on(house, role):
    """F3, F4: supervisor, main, sentinel, a worker, the last of them. No orphan lives on; orders move again."""
    house.wait_until(lambda: len(house.members("workers")) > 5, 30, what="the cluster is complete")
    old = house.members("workers")
    os.kill(old[role], signal.SIGKILL)
    kept = {old[0]} if role else set()  # the supervisor outlives its cluster
    house.wait_until(lambda: all(is_gone(p) for p in old if p not in kept), 10, what="the old group is gone")
    house.receive(5)
    house.wait_until(lambda: house.is_over(5), 60, what="orders move again")
    house.judge(5)


def test_a_frozen_cluster_is_replaced(house):
    """F18: stopped processes look alive; only progress tells. What they wake up to is refused by its token."""
    house.wait_until(lambda: len(house.members("workers")) > 5, 30, what="the cluster is complete")
    frozen = house.members("workers")[1:]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    house.receive(5)
    house.wait_until(lambda: house.is_over(5), 90, what="orders move again")
    assert all(is_gone(pid) for pid in frozen)
    house.judge(5)


def test_a_hostile_world_outside(tmp_path):
    """F8, F10, F12, F13, F16: replies lost after the work, busy signals, repeated, shuffled and lost calls."""
    with House(tmp_path, faults=True, seed=SEED) as house:
        house.receive(200)
        house.wait_until(lambda: house.is_over(200), 180, what="every order has its end")
        assert house.ledger()["dropped_replies"] and house.ledger()["lost"]
        house.judge(200)
