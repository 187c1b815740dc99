"""Entry points of the queue; each drains until nothing is due and may come any number of times."""

from fulfillment.services import what_ifs
from orchestration.engine import advance as engine
from orchestration.engine import sweep as net
from orchestration.services import batches, repair_jobs
from orchestration.supervisor.alive import note_progress


def advance() -> int:
    return engine.drain()


def sweep() -> int:
    return net.sweep()


def repair() -> int:
    return repair_jobs.work()


def plan_batches() -> int:
    return batches.work()


def try_what_ifs() -> int:
    return what_ifs.work(beats=[note_progress])
