"""Orders on the road while processes die: nothing lost, nothing doubled, nothing oversold, nothing stuck.

`IOM_STORM=10000x200` makes it larger: orders x kills. The seed and who died are printed.
"""

import os
import time

import pytest
from rig import House

pytestmark = [pytest.mark.processes, pytest.mark.postgres, pytest.mark.storm]
ORDERS, KILLS = (int(number) for number in os.environ.get("IOM_STORM", "1000x50").split("x"))
SEED = int(os.environ.get("IOM_STORM_SEED", 1))


EVENTS = (
    15 * ORDERS // KILLS
)  # an order makes some thirty: the last deaths fall where the last orders are half way


def test_a_storm_of_kills(tmp_path, capsys):
    """The next one dies when a share of the work was done since the last death, so that the storm lasts as long as the work."""
    with House(tmp_path, faults=True, seed=SEED) as house:
        begun, received = time.monotonic(), 0
        while len(house.killed) < KILLS:
            due = ORDERS * (len(house.killed) + 1) // KILLS
            if received < due:
                house.receive(due - received)
                received = due
            moved = steps_done(house)
            house.wait_until(
                lambda moved=moved: steps_done(house) > moved + EVENTS, 60, what="something moves again"
            )
            house.kill_one()
        stormy = time.monotonic() - begun
        calm = house.wait_until(
            lambda: house.is_over(ORDERS), 240 + ORDERS / 5, what="every order has its end"
        )
        house.judge(ORDERS)
    with capsys.disabled():
        print(f"\nstorm: {ORDERS} orders, {len(house.killed)} living processes killed, seed {SEED},"
              f" {stormy:.0f} s of storm, {calm:.0f} s until over")  # fmt: skip


def steps_done(house: House) -> int:
    return house.ask("SELECT coalesce(max(id), 0) FROM orders_businessevent")


def test_a_hostile_world_outside(tmp_path):
    """F8, F10, F12, F13, F14, F16: replies lost after the work, busy signals, repeated, shuffled and lost calls."""
    with House(tmp_path, faults=True, seed=SEED) as house:
        house.receive(100)
        house.wait_until(lambda: house.is_over(100), 120, what="every order has its end")
        ledger = house.ledger()
        for fault in ("dropped_replies", "errors_after", "told_to_wait", "repeated", "lost"):
            assert ledger[fault] > 0, fault
        house.judge(100)
