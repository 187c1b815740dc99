"""A task that takes long tells the supervisor that it is at work, not standing still."""

import os
from pathlib import Path

_progress: Path | None = None


def watch(progress: Path) -> None:
    """Where the supervisor looks; called once in the cluster, before it forks its workers."""
    global _progress
    _progress = progress


def note_progress() -> None:
    """Nothing where nobody watches."""
    if _progress:
        os.utime(_progress)
