"""F3, F4: whoever of the house dies, work goes on within a minute and no orphan works on for more than ten seconds."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from migrated import sqlite_template
from rig import ROOT, House, is_gone

from orchestration.demo.processes import free_port

pytestmark = [pytest.mark.processes, pytest.mark.postgres]
# In the order of birth: supervisor, main of the cluster, its sentinel, four workers, then monitor and pusher.
CLUSTER = 3 + 4 + 2
ROLES = {"supervisor": 0, "main": 1, "sentinel": 2, "idle worker": 3, "monitor": 7, "pusher": 8}


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with House(tmp_path_factory.mktemp("roles")) as running:
        running.orders = 0
        yield running


def orders_move(house: House, number: int = 3) -> float:
    """Seconds until fresh orders have their end."""
    house.receive(number)
    house.orders += number
    return house.wait_until(lambda: house.is_over(house.orders), 60, what="orders move again")


def whole_cluster(house: House) -> list[int]:
    house.wait_until(lambda: len(house.members("workers")) == CLUSTER, 30, what="the cluster is complete")
    return house.members("workers")


@pytest.mark.parametrize("role", ROLES.values(), ids=ROLES)
def test_who_ever_dies_takes_its_group_along_and_work_goes_on(house, role):
    old = whole_cluster(house)
    os.kill(old[role], signal.SIGKILL)
    kept = {old[0]} if role else set()  # the supervisor outlives its cluster
    house.wait_until(lambda: all(is_gone(p) for p in old if p not in kept), 10, what="the old group is gone")
    orders_move(house)


@pytest.mark.parametrize("role", [0, 1])
def test_the_web_comes_back(house, role):
    """Its master takes its workers along; a worker alone is replaced by its master."""
    old = house.members("web")
    os.kill(old[role], signal.SIGKILL)
    gone = old if role == 0 else [old[role]]
    house.wait_until(lambda: all(is_gone(pid) for pid in gone), 10, what="no orphan of the web")
    orders_move(house)


def test_a_frozen_cluster_is_replaced(house):
    """F18: stopped processes look alive; only progress tells."""
    frozen = whole_cluster(house)[1:]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    assert orders_move(house) < 60
    assert all(is_gone(pid) for pid in frozen)


def test_and_after_all_that_everything_adds_up(house):
    house.judge(house.orders)


# -- what each of the three guards is good for: one is taken away, the same happens, and it shows ---------------------


@contextmanager
def house_without(guard: str, place) -> Iterator[House]:
    """Workers and sandbox only; their cluster is complete. At the end nobody is left, whatever guard is missing."""
    with House(place, names=("sandbox", "workers"), only="3pl", pace=0.01, without=guard) as house:
        family = whole_cluster(house)
        try:
            yield house
        finally:
            for pid in {*family, *house.members("workers")}:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def stays(holds, seconds: float) -> bool:
    """Whether it holds all the time."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if not holds():
            return False
        time.sleep(0.1)
    return True


def test_control_workers_that_are_only_replaced_find_the_queue_locked_by_a_dead_one(tmp_path):
    """F3, V2: all is alive, the bells ring, tasks wait, and none is taken."""
    with house_without("group_death", tmp_path) as house:
        head = house.members("workers")[:3]
        assert any(_locked_out(house, head, deaths) for deaths in range(4)), "half a second is usual"
        assert house.ask("SELECT count(*) FROM django_q_ormq") > 0


def _locked_out(house, head: list[int], orders: int) -> bool:
    """Whether nobody takes an order in after the workers' deaths: who waits for a task has the lock, if one waited just then."""
    rest = [pid for pid in house.members("workers") if pid not in head]
    for pid in rest:
        os.kill(pid, signal.SIGKILL)
    house.receive(1)
    house.wait_until(lambda: len(house.members("workers")) == CLUSTER, 10, what="the dead are replaced")
    assert set(head) <= set(house.members("workers"))
    return stays(lambda: house.ask("SELECT count(*) FROM orders_order") == orders, 10)


@pytest.mark.parametrize("guard, replaced", [("patience", True), ("probe", False)])
def test_only_the_probe_of_progress_sees_that_the_living_do_nothing(tmp_path, guard, replaced):
    """F3: `patience` is the probe in a hurry, `probe` the house without it."""
    with house_without(guard, tmp_path) as house:
        frozen = house.members("workers")[1:]
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        assert stays(lambda: not all(is_gone(pid) for pid in frozen), 10) is not replaced


def test_control_who_does_not_die_with_its_parent_works_on_as_an_orphan(tmp_path):
    """F4, V4: the supervisor is gone, its cluster is not, and would go on with old code beside the next one."""
    with house_without("death_with_parent", tmp_path) as house:
        supervisor, *cluster = house.members("workers")
        os.kill(supervisor, signal.SIGKILL)
        assert stays(lambda: not any(is_gone(pid) for pid in cluster), 10)


@pytest.mark.parametrize("victim", ["demo", "web"])
def test_nobody_outlives_a_killed_demo(tmp_path, victim):
    """SIGKILL of `demo` ends all that it started; SIGKILL of its web process is mended by it."""
    port = free_port()
    environment = {**os.environ, "NO_BOOTSTRAP": "1", "IOM_VAR_DIR": str(tmp_path)}
    database = shutil.copyfile(sqlite_template(), tmp_path / "demo.sqlite3")
    environment["DATABASE_URL"] = f"sqlite:///{database}"
    command = [sys.executable, str(ROOT / "manage.py"), "demo", "--port", str(port), "--rate", "0.001"]
    demo = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        for line in demo.stderr:
            if "Ctrl-C" in line:
                break
        until(lambda: len(descendants(demo.pid)) > 8, 60)  # web, sandbox, and a cluster with its workers
        family = descendants(demo.pid)
        if victim == "demo":
            demo.kill()
            demo.wait()
            until(lambda: all(is_gone(pid) for pid in family), 10)
        else:
            web = next(pid for pid in family if "gunicorn" in command_of(pid))
            os.kill(web, signal.SIGKILL)
            until(
                lambda: is_gone(web) and any("gunicorn" in command_of(p) for p in descendants(demo.pid)), 30
            )
    finally:
        demo.terminate()
        demo.wait(60)


def descendants(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        try:
            for task in os.listdir(f"/proc/{one}/task"):
                with open(f"/proc/{one}/task/{task}/children") as children:
                    found += [int(child) for child in children.read().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found[1:]


def command_of(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline") as line:
            return line.read().replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def until(holds, seconds: float) -> None:
    limit = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < limit, f"not within {seconds} s"
        time.sleep(0.1)
