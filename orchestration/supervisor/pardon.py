"""After a cluster was killed: what it had in hand is free at once, and counted only against the worker that died first."""

from pathlib import Path

from django.db import Error, close_old_connections
from structlog import get_logger

from iom.lib import fencing
from orchestration.models import FlowRun, SourcingBatch
from providers.models import InboxMessage

log = get_logger(__name__)
# Not requests: a call of the dead may still be under way out there, so these wait for the end of their lease.
CLAIMED = (FlowRun, InboxMessage, SourcingBatch)


def note_suspect(progress: Path, pid: int) -> None:
    """Whoever finds a worker dead leaves word before it kills the others."""
    progress.write_text(str(pid))


def suspect_of(progress: Path) -> int | None:
    """The pid that was left, if any; it is forgotten."""
    text = progress.read_text()
    progress.write_text("")
    return int(text) if text.isdigit() else None


def pardon(life: int, suspect: int | None) -> int:
    """Call it when nobody of that life is left. If the database is away too, leases run out as they do."""
    close_old_connections()
    try:
        freed = sum(fencing.give_back(model, life, suspect) for model in CLAIMED)
    except Error as error:
        log.warning("pardon.database_away", error=str(error)[:200])
        return 0
    log.info("pardoned", freed=freed, suspect=suspect)
    return freed
