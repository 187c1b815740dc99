"""Settings of gunicorn when a parent of ours starts it (`--config python:orchestration.supervisor.web`)."""

import os

from iom.lib import heap
from orchestration.supervisor.parent import die_with

PARENT = "IOM_PARENT"
preload_app = True  # loaded once in the master: a worker that died is replaced in milliseconds


def on_starting(server) -> None:
    """The master dies with who started it; its workers look after the master by themselves."""
    if parent := os.environ.get(PARENT):
        die_with(int(parent))


def when_ready(server) -> None:
    heap.settle()
