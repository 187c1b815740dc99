"""Workers that a test can steer: one process that has everything imported forks a real process for each order on its input.

A line in: {"at": kill point, "guard_off": name, "for_ever": bool, "poison": order id}. A line out: the pid. The worker drains every queue
until nothing is left, then exits 0. `python tests/whole/hands.py` is started by `rig.House.hands`.
"""

import json
import os
import signal
import sys
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

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        wish = json.loads(line)
        if (pid := os.fork()) == 0:
            _work(wish)
        print(pid, flush=True)


def _work(wish: dict) -> None:
    code = 1
    try:
        _arm(wish.get("at", ""))
        if wish.get("poison"):
            poison(wish["poison"])
        if name := wish.get("guard_off"):
            GUARDS[name]()
        _drain(wish.get("for_ever", False))
        code = 0
    finally:
        os._exit(code)


def _drain(for_ever: bool) -> None:
    from django.db import Error, connection

    from orchestration.tasks import advance, sweep
    from providers.tasks import deliver, pull, work_inbox

    quiet = 0
    while for_ever or quiet < QUIET_ROUNDS:
        try:
            worked = sum(task() for task in (pull, work_inbox, advance, deliver, sweep))
        except Error:  # the database went away: as a worker would, look again
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


# -- guards that a control takes away --------------------------------------------------------------------------------


def no_lease() -> None:
    """Leases end as they begin, every worker shows the same token, and no row is ever locked."""
    from datetime import timedelta
    from types import SimpleNamespace

    from django.db.models.query import QuerySet

    from orchestration.engine import claim

    QuerySet.select_for_update = lambda self, **_: self._chain()
    claim.LEASE, claim.secrets = timedelta(0), SimpleNamespace(randbits=lambda _: 7)


def late_answers_count() -> None:
    """Whoever finishes writes, though another took the work over meanwhile."""
    from providers.services import claims

    claims.still_mine = lambda taken: {request.pk for claim in taken for request in claim.requests}


GUARDS: dict[str, Callable[[], None]] = {
    "no_lease": no_lease,
    "late_answers_count": late_answers_count,
}

if __name__ == "__main__":
    main()
