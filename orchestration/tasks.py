"""Entry points of the queue; each drains until nothing is due and may come any number of times."""

from orchestration.engine import advance as engine
from orchestration.engine import sweep as net


def advance() -> int:
    return engine.drain()


def sweep() -> int:
    return net.sweep()
