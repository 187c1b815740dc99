"""Workers that a test can steer: one process that has everything imported forks a real process for each order on its input.

A line in: {"at": kill point, "guard_off": name, "for_ever": bool, "poison": order id, "most": runs in one claim}. A line out: the
pid. The worker drains every queue until nothing is left, then exits 0. `python tests/whole/hands.py` is started by `rig.House.hands`.
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

QUIET_ROUNDS = 3


def main() -> None:
    import django

    django.setup()
    import providers.adapters.bigcommerce.adapter
    import providers.adapters.billing.adapter
    import providers.adapters.threepl.adapter
    import providers.tasks  # noqa: F401

    for line in sys.stdin:
        wish = json.loads(line)
        if (pid := os.fork()) == 0:
            _work(wish)
        print(pid, flush=True)
        threading.Thread(target=_bury, args=(pid,), daemon=True).start()


def _bury(pid: int) -> None:
    """Reap it, and leave word in the log of how it went."""
    _, status = os.waitpid(pid, 0)
    print(f"hand {pid} ended {os.waitstatus_to_exitcode(status)}", file=sys.stderr, flush=True)


def _work(wish: dict) -> None:
    code = 1
    try:
        _arm(wish.get("at", ""))
        if wish.get("poison"):
            poison(wish["poison"])
        if wish.get("most"):
            claim_few(wish["most"])
        if name := wish.get("guard_off"):
            GUARDS[name]()
        if wish.get("people"):
            people(wish["people"], wish["seed"])
        _drain(wish.get("for_ever", False), wish.get("rounds", 0))
        code = 0
    finally:
        os._exit(code)


def _drain(for_ever: bool, rounds: int) -> None:
    from django.db import Error, connection

    from orchestration.tasks import advance, sweep
    from providers.tasks import deliver, pull, work_inbox

    quiet, done = 0, 0
    while (for_ever or quiet < QUIET_ROUNDS) and (not rounds or done < rounds):
        done += 1
        try:
            worked = sum(task() for task in (pull, work_inbox, advance, deliver, sweep))
        except Error as error:  # the database went away: as a worker would, look again
            print(f"hand: {error}", file=sys.stderr, flush=True)
            connection.close()
            worked = 1
            time.sleep(0.2)
        quiet = 0 if worked else quiet + 1


def _arm(point: str) -> None:
    """`name` or `name:n` kills at the n-th pass; `stop@name` stops there as SIGSTOP does, once."""
    from iom.lib import killpoints

    verb, _, rest = point.rpartition("@")
    name, _, count = rest.partition(":")
    killpoints._armed, killpoints._left = name, int(count or 1)
    if verb == "stop":
        _stop_instead(name)


def _stop_instead(name: str) -> None:
    from orchestration.engine import advance
    from providers.services import delivery, results

    passed: list[str] = []

    def stop(point: str) -> None:
        if point == name and not passed:
            passed.append(point)
            os.kill(os.getpid(), signal.SIGSTOP)

    for module in (advance, delivery, results):
        module.killpoint = stop


def poison(order_id: int) -> None:
    """No guard but a fault: the step that validates headers kills its worker when it meets one certain order."""
    from orchestration.actions import ACTIONS

    action = ACTIONS["validate_order_header"]
    real = action.run

    def run(batch):
        if any(order.pk == order_id for _, order in batch.records()):
            os.kill(os.getpid(), signal.SIGKILL)
        return real(batch)

    action.run = run


def claim_few(most: int) -> None:
    """No guard either: small claims, so that there is something left for the others."""
    from orchestration.engine import claim

    real = claim.claim
    claim.claim = lambda limit: real(min(limit, most))


# -- guards that a control takes away --------------------------------------------------------------------------------


def no_lease() -> None:
    """Leases end as they begin, all show the same token, no row is locked, and whoever writes a state last wins.

    So that two do meet, all stop once between look and write.
    """
    from datetime import timedelta
    from types import SimpleNamespace

    from django.db.models.query import QuerySet

    from iom.lib import bulk
    from orchestration.engine import advance, claim
    from orders.services import pending

    look = advance.Wave

    def look_and_stop(*arguments):
        advance.Wave, seen = look, look(*arguments)
        os.kill(os.getpid(), signal.SIGSTOP)
        return seen

    advance.Wave = look_and_stop
    pending.bulk = SimpleNamespace(update=lambda *rows, expect=None, **more: bulk.update(*rows, **more))
    QuerySet.select_for_update = lambda self, **_: self._chain()
    claim.LEASE, claim.fencing = timedelta(0), SimpleNamespace(draw=lambda: 7)


def late_answers_count() -> None:
    """Whoever finishes writes, though another took the work over meanwhile."""
    from providers.services import claims

    claims.still_mine = lambda taken: {request.pk for claim in taken for request in claim.requests}


def attempts_count_after() -> None:
    """An attempt counts when its worker comes back from it, as most queues have it."""
    from orchestration.engine import claim
    from orchestration.models import FlowRun

    count_before = claim._claim

    def count_nothing(*arguments):
        runs = count_before(*arguments)
        FlowRun.objects.filter(pk__in=[run.pk for run in runs]).update(attempts=0)
        return runs

    claim._claim = count_nothing


def no_lock_timeout() -> None:
    """Whoever waits for a lock waits as long as it is held."""
    from django.db import connection

    options = connection.settings_dict["OPTIONS"]
    options["options"] = options["options"].replace("lock_timeout=5000", "lock_timeout=0")
    assert "lock_timeout=0" in options["options"]


def unsorted_locks() -> None:
    """Orders are locked in whatever order they are named."""
    from orders.querysets import OrderQuerySet

    def lock(self, ids):
        return [self.select_for_update(of=("self",)).get(pk=pk) for pk in ids]

    OrderQuerySet.lock = lock


GUARDS: dict[str, Callable[[], None]] = {
    "no_lease": no_lease,
    "late_answers_count": late_answers_count,
    "attempts_count_after": attempts_count_after,
    "no_lock_timeout": no_lock_timeout,
    "unsorted_locks": unsorted_locks,
}


def people(ids: list[int], seed: int) -> None:
    """Nobody's fault either: holds and releases by a busy order desk, in random order."""
    import random

    from orders.services.holds import hold_orders, release_holds

    chance = random.Random(seed)
    for _ in range(20):
        some = chance.sample(ids, 10)
        hold_orders(some, type="manual", reason="looking", actor="user:desk")
        release_holds(some, actor="user:desk", type="manual")


if __name__ == "__main__":
    main()
