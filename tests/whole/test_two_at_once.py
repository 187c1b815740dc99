"""F17, F18, F20, F25, F26: several workers over the same rows, a frozen one, one that kills itself, a forgotten lock."""

import os
import signal

import psycopg
import pytest
from rig import ENDED, House, is_gone, state_of

from orchestration.engine.claim import MOST_DEATHS

pytestmark = [pytest.mark.processes, pytest.mark.postgres]
STEPS_TWICE = """
SELECT count(*) FROM (SELECT 1 FROM orchestration_stepresult WHERE result = 'success' AND step LIKE 'validate-%'
 GROUP BY run_id, step, visit HAVING count(*) > 1) t
"""


@pytest.fixture
def house(tmp_path):
    with House(tmp_path, names=("sandbox",), only="3pl", pace=0.01) as running:
        yield running


def come_in(house: House, orders: int) -> None:
    """The orders are here and due, and nobody has begun."""
    house.receive(orders)
    pid = house.hand(at="runs_claimed", for_ever=True)  # dies with the first claim in hand
    house.wait_until(lambda: is_gone(pid), 60, what="the orders come in")
    looked = "SELECT count(*) FROM orders_order"
    while house.ask(looked) < orders:
        house.work(at="runs_claimed")
    house.tell("UPDATE orchestration_flowrun SET lease_until = NULL, claimed_by = 0, attempts = 0")


def many(house: House, workers: int, **wish) -> list[int]:
    """Their pids; each came to its own end."""
    pids = [house.hand(**wish) for _ in range(workers)]
    house.wait_until(lambda: all(is_gone(pid) for pid in pids), 120, what="all workers are done")
    house.wait_until(
        lambda: all(house.log_has(f"hand {pid} ended 0") for pid in pids), 10, what="none has failed"
    )
    return pids


def test_four_workers_drain_one_backlog_and_each_step_runs_once(house):
    come_in(house, 60)
    pids = many(house, 4, most=5)
    assert len(house.advancers() & set(pids)) > 1, "one alone did it all"
    house.work_until_over(60)
    assert house.ask(STEPS_TWICE) == 0
    house.judge(60)


def test_control_without_lease_and_locks_steps_run_twice(house):
    come_in(house, 1)
    both = [house.hand(guard_off="no_lease", rounds=1) for _ in range(2)]
    house.wait_until(
        lambda: all(state_of(pid) == "T" for pid in both), 60, what="both have the order in hand"
    )
    for pid in both:
        os.kill(pid, signal.SIGCONT)
        house.wait_until(lambda pid=pid: is_gone(pid), 60, what="it is done")
    assert house.ask(STEPS_TWICE) > 0


@pytest.mark.parametrize("point", ["runs_claimed", "outbox_after_call"])
def test_who_wakes_up_too_late_writes_nothing(house, point):
    """Stopped in mid-work for longer than its lease; another finishes; then it goes on."""
    late = freeze_at(house, point)
    house.leases_run_out()
    house.work()
    before = house.ask(WRITTEN)
    assert before > 0, "another has finished it"
    os.kill(late, signal.SIGCONT)
    house.wait_until(lambda: is_gone(late), 60, what="the late one has finished")
    assert before == house.ask(WRITTEN) or point == "runs_claimed"
    house.work_until_over(5)
    assert house.ask(STEPS_TWICE) == house.ask(ANSWERED_TWICE) == 0
    house.judge(5)


def test_control_a_late_answer_that_counts_is_written_twice(house):
    late = freeze_at(house, "outbox_after_call", guard_off="late_answers_count")
    house.leases_run_out()
    house.work()
    os.kill(late, signal.SIGCONT)
    house.wait_until(lambda: house.ask(ANSWERED_TWICE) > 0, 60, what="the late answer is written, too")
    os.kill(late, signal.SIGKILL)


WRITTEN = "SELECT count(*) FROM providers_requestattempt"
ANSWERED_TWICE = """
SELECT count(*) FROM (SELECT 1 FROM providers_requestattempt WHERE result = 'done'
 GROUP BY request_id HAVING count(*) > 1) t
"""


def freeze_at(house: House, point: str, **wish) -> int:
    house.receive(5)
    pid = house.hand(at=f"stop@{point}", **wish)
    house.wait_until(lambda: house.is_stopped(pid), 60, what=f"it stops at {point}")
    return pid


def test_a_step_that_kills_its_worker_is_parked_and_the_others_finish(house):
    come_in(house, 30)
    poison = house.ask("SELECT id FROM orders_order ORDER BY id LIMIT 1 OFFSET 11")
    deaths = 0
    for _ in range(12):
        pid = house.hand(poison=poison)
        house.wait_until(lambda pid=pid: is_gone(pid), 60, what="the worker ends")
        deaths += house.died(pid)
        house.leases_run_out()
        if not house.died(pid) and house.is_over(29):
            break
    assert 1 <= deaths <= MOST_DEATHS
    assert house.ask("SELECT state FROM orchestration_flowrun WHERE order_id = %s", poison) == "attention"
    assert house.ask("SELECT error_code FROM orchestration_steprun t JOIN orchestration_flowrun r ON r.id = t.run_id"
                     " WHERE r.order_id = %s", poison) == "worker_died"  # fmt: skip
    assert house.is_over(29)


def test_control_attempts_counted_afterwards_let_it_kill_for_ever(house):
    come_in(house, 3)
    poison = house.ask("SELECT min(id) FROM orders_order")
    for _ in range(MOST_DEATHS + 2):
        pid = house.hand(poison=poison, guard_off="attempts_count_after")
        house.wait_until(lambda pid=pid: is_gone(pid), 60, what="the worker ends")
        assert house.died(pid), "it would have been parked after so many deaths"
        house.leases_run_out()
    assert house.ask("SELECT state FROM orchestration_flowrun WHERE order_id = %s", poison) == "active"


def test_a_forgotten_lock_delays_work_and_loses_none(house):
    """Somebody holds a row in psql: workers give up after lock_timeout and come again."""
    come_in(house, 10)
    with psycopg.connect(house.url) as psql:
        psql.execute("SELECT 1 FROM orders_order ORDER BY id LIMIT 1 FOR UPDATE")
        worker = house.hand(for_ever=True)
        house.wait_until(lambda: house.is_over(9), 60, what="the others end while the lock is held")
        assert not is_gone(worker)
    house.wait_until(lambda: house.is_over(10), 60, what="all go on once the lock is gone")
    os.kill(worker, signal.SIGKILL)
    house.judge(10)


def test_control_without_a_time_limit_all_wait_for_the_forgotten_lock(house):
    come_in(house, 10)
    with psycopg.connect(house.url) as psql:
        psql.execute("SELECT 1 FROM orders_order ORDER BY id LIMIT 1 FOR UPDATE")
        worker = house.hand(for_ever=True, guard_off="no_lock_timeout")
        house.wait_until(
            lambda: house.ask(WAITED) > 8, 60, what="it waits longer than the limit would let it"
        )
        assert house.ask(ENDED) == 0
        os.kill(worker, signal.SIGKILL)


WAITED = """
SELECT coalesce(max(extract(epoch FROM clock_timestamp() - query_start)), 0)::float FROM pg_stat_activity
 WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def test_workers_and_people_in_any_order_do_not_deadlock(house):
    """Holds and releases of many orders in random order while four workers advance the same orders.

    All lock in the one order that `iom/lib/locks.py` states, so nobody is ever taken for a victim.
    """
    come_in(house, 40)
    ids = house.ask("SELECT array_agg(id) FROM orders_order")
    before = house.ask(DEADLOCKS)
    desk = [house.hand(people=ids, seed=seed) for seed in range(2)]
    many(house, 3)
    house.wait_until(lambda: all(is_gone(pid) for pid in desk), 60, what="the desk is done")
    assert not house.log_has("deadlock detected")
    house.work_until_over(40)
    assert house.ask(DEADLOCKS) == before
    house.judge(40)


def test_control_unsorted_locks_deadlock(house):
    come_in(house, 20)
    ids = house.ask("SELECT array_agg(id) FROM orders_order")
    before = house.ask(DEADLOCKS)
    desk = [house.hand(people=ids, seed=seed, guard_off="unsorted_locks") for seed in range(3)]
    house.wait_until(lambda: house.ask(DEADLOCKS) > before, 60, what="two wait for each other")
    for pid in desk:
        house.wait_until(lambda pid=pid: is_gone(pid), 60, what="the desk is done")


DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
