"""F6: the database server is stopped hard in mid-batch, again and again; nothing is lost or doubled, work is up soon."""

import os
import signal

import pytest
from rig import House, forget_worlds, is_gone
from server import Server, binaries

from orchestration.supervisor.watch import STILL_SECONDS

pytestmark = [
    pytest.mark.processes,
    pytest.mark.postgres,
    pytest.mark.skipif(binaries() is None, reason="no PostgreSQL server to start and stop on this machine"),
]
STOPS, ORDERS = 4, 80


@pytest.fixture(scope="module")
def server():
    with Server() as running:
        yield running
        forget_worlds(running.url)


def test_hard_stops_in_mid_batch(tmp_path, server):
    with House(tmp_path, server=server.url) as house:
        for part in range(STOPS):
            house.receive(ORDERS // STOPS)
            done = steps_done(house)
            house.wait_until(lambda done=done: steps_done(house) > done, 60, what="work is under way")
            server.stop_hard()
            server.start()
            done = steps_done(house)
            up = house.wait_until(lambda done=done: steps_done(house) > done, STILL_SECONDS, what="up again")
            print(f"stop {part + 1}: the next fact after {up:.1f} s")
        house.wait_until(lambda: house.is_over(ORDERS), 180, what="every order has its end")
        house.judge(ORDERS)


def test_a_worker_outlives_the_stop_of_its_server(tmp_path, server):
    """Not by being replaced: the same process finds the server again."""
    with House(tmp_path, names=("sandbox",), only="3pl", server=server.url) as house:
        worker = house.hand(for_ever=True)
        house.receive(10)
        house.wait_until(lambda: steps_done(house) > 0, 60, what="work is under way")
        server.stop_hard()
        server.start()
        house.wait_until(lambda: house.is_over(10), 60, what="the same worker ends them")
        assert not is_gone(worker)
        os.kill(worker, 9)
        house.judge(10)


@pytest.mark.parametrize("with_keys", [True, False])
def test_a_stop_between_a_call_and_its_receipt_doubles_only_where_keys_are_forgotten(
    tmp_path, server, with_keys
):
    """The call is done, the note of it is not committed: what follows is the same call under the same key."""
    with House(tmp_path, names=("sandbox",), only="3pl", server=server.url, pace=0.01) as house:
        house.call("/weather", {"forgets_keys": not with_keys})
        house.receive(1)
        worker = house.hand(at="stop@outbox_after_call")
        house.wait_until(lambda: house.is_stopped(worker), 60, what="it has called")
        server.stop_hard()
        server.start()
        os.kill(worker, signal.SIGCONT)
        house.wait_until(lambda: is_gone(worker), 60, what="it finds the server again and ends")
        house.leases_run_out()
        house.work()
        house.work_until_over(1)
        ledger = house.ledger()
        assert (ledger["doubled_threepl"] > 0, ledger["repeated_keys"] > 0) == (not with_keys, with_keys)


def steps_done(house: House) -> int:
    return house.ask("SELECT coalesce(max(id), 0) FROM orders_businessevent")
