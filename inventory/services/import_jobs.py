"""Files that people send: checked first, taken then. A large one is a job of chunks that workers claim.

Rows are the truth: a chunk is worked on in one transaction that also marks it done and keeps its part of the report. Who
is killed leaves the chunk as it was, and it comes again when its lease is over: no row is taken twice, none is left out.
"""

import time
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256

import structlog
from django.db import Error, IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import F, Sum
from django.utils import timezone

from inventory.models import ImportChunk, ImportedFile
from inventory.services.import_tables import Group, TableSpec, chunked, spec_of, take_rows, told, try_groups
from iom.lib import bell, tabular
from iom.lib.imports import FailedRow, Report
from iom.lib.killpoints import killpoint

log = structlog.get_logger(__name__)
State, Mode = ImportedFile.State, ImportedFile.Mode
LARGE = 1_000  # rows; a file with more is a job
LEASE = timedelta(seconds=30)
MOST_ATTEMPTS = 3
MEANWHILE = "This row was good when the file was checked and is not any more; what came before it was taken."


class TakenBefore(Exception):
    """The same file was taken before; `earlier` is that import."""

    def __init__(self, earlier: ImportedFile) -> None:
        self.earlier = earlier
        when = (earlier.finished_at or earlier.created_at).strftime("%-d %b %Y %H:%M UTC")
        super().__init__(
            f"This file was already imported on {when}, by {earlier.actor.removeprefix('user:')}."
        )


def check(spec: TableSpec, content: bytes, *, name: str, actor: str) -> ImportedFile:
    """Try the file without keeping anything of it; raises FileRefused. What would happen is in `report`.

    A large file comes back in state checking: workers try it chunk by chunk.
    """
    table = spec.read(content)
    report, total = Report(total=len(table.rows)), len(table.rows)
    file = ImportedFile(
        kind=spec.kind, digest=sha256(content).hexdigest(), name=name.replace("\0", "")[-100:], content=content,
        actor=actor, total=total,
    )  # fmt: skip
    groups = spec.group(table.rows, report)
    if total > LARGE:
        file.state, file.report = State.CHECKING, told(report, table)
        _lay_out(file, groups)
        return file
    for chunk in chunked(groups):
        try_groups(spec, chunk, report, actor=actor)
    file.report = told(report, table)
    file.save()
    return file


def take(spec: TableSpec, file: ImportedFile, *, mode: str, again: bool, actor: str) -> ImportedFile:
    """Take a checked file: all or nothing, or the good rows. Two people at once: the second raises TakenBefore.

    A large file comes back in state running. All or nothing then rests on the check: a file with a bad row is not begun,
    and a row that went bad since ends it there.
    """
    _claim(file, mode, again, actor)
    file.refresh_from_db()
    if file.total > LARGE and not (mode == Mode.ALL and file.report["failed"]):
        _begin(spec, file)
        return file
    try:
        report, kept = _run(spec, spec.read(bytes(file.content)).rows, mode, actor)
    except BaseException:
        ImportedFile.objects.filter(pk=file.pk).update(state=State.FAILED, finished_at=timezone.now())
        raise
    head = {name: file.report.get(name) for name in ("header", "warnings", "warned")}
    file.report = {**told(report, head), "kept": kept}
    file.state, file.finished_at, file.content = (State.DONE if kept else State.FAILED), timezone.now(), None
    file.save(update_fields=["report", "state", "finished_at", "content"])
    return file


def stop(file_id: int) -> bool:
    """Leave the rest of a job undone; False if it had ended. Chunks that are at work are finished and count."""
    running = ImportedFile.objects.filter(pk=file_id, state__in=ImportedFile.AT_WORK)
    if not running.update(state=State.STOPPED, finished_at=timezone.now()):
        return False
    _sum_up(file_id)
    return True


def progress(file: ImportedFile) -> int:
    """Rows that were worked on so far."""
    return file.chunks.filter(done=True).aggregate(rows=Sum("size"))["rows"] or 0


def failed_rows(file: ImportedFile) -> bytes:
    """The rows that were not taken as they stood, with the reason in a last column."""
    header = [*file.report["header"], "reason"]
    width = len(file.report["header"])
    rows = [
        [*(cells + [""] * width)[:width], f"line {line}: {reason}"]
        for line, cells, reason in file.report["failed"]
    ]
    return tabular.write_csv(header, rows)


# -- in the request -----------------------------------------------------------------------------------------------


def _run(spec: TableSpec, rows: Sequence, mode: str, actor: str) -> tuple[Report, bool]:
    if mode == Mode.GOOD:
        report = take_rows(spec, rows, actor=actor)  # each chunk commits by itself
        return report, report.taken + report.same > 0
    with transaction.atomic():
        report = take_rows(spec, rows, actor=actor)
        transaction.set_rollback(bool(report.failed))
    return report, not report.failed


def _claim(file: ImportedFile, mode: str, again: bool, actor: str) -> None:
    try:
        with transaction.atomic():
            claimed = ImportedFile.objects.filter(pk=file.pk, state=State.CHECKED)
            if not claimed.update(state=State.RUNNING, mode=mode, again=again, actor=actor):
                raise TakenBefore(ImportedFile.objects.get(pk=file.pk))
    except IntegrityError as error:
        taken = ImportedFile.objects.filter(
            kind=file.kind, digest=file.digest, state__in=[State.RUNNING, State.DONE]
        )
        raise TakenBefore(taken.latest("created_at")) from error


@transaction.atomic
def _lay_out(file: ImportedFile, groups: Sequence[Group]) -> None:
    """The file and its rows in chunks, in one transaction."""
    file.save()
    rows = [
        ImportChunk(
            file=file, number=number, size=sum(map(len, chunk)),
            groups=[[[row.line, row.cells, row.fault] for row in group] for group in chunk],
        )
        for number, chunk in enumerate(chunked(groups))
    ]  # fmt: skip
    ImportChunk.objects.bulk_create(rows, batch_size=20)
    bell.ring("import")


@transaction.atomic
def _begin(spec: TableSpec, file: ImportedFile) -> None:
    """The same chunks once more; what `group` refused stays in the report."""
    file.chunks.update(done=False, attempts=0, lease_until=None, report={})
    table = spec.read(bytes(file.content))
    report = Report(total=file.total)
    spec.group(table.rows, report)
    file.report = told(report, table)
    file.save(update_fields=["report"])
    bell.ring("import")


# -- in a worker --------------------------------------------------------------------------------------------------


def work(budget_seconds: float = 12.0) -> int:
    """Work on chunks that are due until none is or the time is over; returns how many rows were looked at."""
    ends, rows = time.monotonic() + budget_seconds, 0
    try:
        while time.monotonic() < ends:
            if (chunk := _claim_chunk()) is None:
                _finish_all()
                return rows
            rows += _work_on(chunk)
    except (OperationalError, InterfaceError) as error:
        log.warning("import_interrupted", error=str(error)[:200])  # rolled back; the net rings again
    bell.ring("import")
    return rows


@transaction.atomic
def _claim_chunk() -> ImportChunk | None:
    """A chunk that nobody works on, leased; its attempt is counted before it begins."""
    now = timezone.now()
    due = ImportChunk.objects.filter(done=False, file__state__in=ImportedFile.AT_WORK)
    free = due.exclude(lease_until__gt=now).select_related("file").order_by("file_id", "number")
    chunk = free.select_for_update(skip_locked=True, of=("self",)).first()
    if chunk is not None:
        chunk.attempts, chunk.lease_until = chunk.attempts + 1, now + LEASE
        chunk.save(update_fields=["attempts", "lease_until"])
    return chunk


def _work_on(chunk: ImportChunk) -> int:
    report, groups = Report(total=chunk.size), _groups(chunk)
    if chunk.attempts > MOST_ATTEMPTS:
        report.fail(
            [row for group in groups for row in group], "The worker died each time it worked on this part."
        )
        _keep(chunk, report)
        return chunk.size
    try:
        with transaction.atomic():
            if _is_mine(chunk):
                _act(chunk.file, groups, report)
                killpoint("import_before_commit")
                _keep(chunk, report)
    except Error:
        raise
    except _Ends as end:
        _end(chunk, end.report)
    return chunk.size


def _is_mine(chunk: ImportChunk) -> bool:
    """Still leased to this attempt, and its file still at work; locks the chunk until the transaction ends."""
    mine = ImportChunk.objects.filter(pk=chunk.pk, done=False, lease_until=chunk.lease_until)
    mine = mine.filter(file__state=chunk.file.state)
    return mine.select_for_update(of=("self",)).exists() and bool(mine.update(attempts=F("attempts")))


class _Ends(Exception):
    """All or nothing, and a row is bad: this chunk is rolled back and nothing after it is taken."""

    def __init__(self, report: Report) -> None:
        self.report = report


def _act(file: ImportedFile, groups: Sequence[Group], report: Report) -> None:
    spec = spec_of(file.kind)
    act = try_groups if file.state == State.CHECKING else spec.take
    if act is try_groups:
        _or_halves(lambda part, into: try_groups(spec, part, into, actor=file.actor), groups, report)
        return
    _or_halves(lambda part, into: spec.take(part, into, actor=file.actor), groups, report)
    if file.mode == Mode.ALL and report.failed:
        raise _Ends(report)


def _or_halves(act, groups: Sequence[Group], report: Report) -> None:
    """All groups together; if that raises, their halves, so that one poisoned group is refused alone."""
    part = Report()
    try:
        with transaction.atomic():
            act(groups, part)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        if len(groups) == 1:
            log.exception("import_row_failed", line=groups[0][0].line)
            report.fail(groups[0], f"This row cannot be taken: {type(error).__name__}.")
            return
        half = len(groups) // 2
        _or_halves(act, groups[:half], report)
        _or_halves(act, groups[half:], report)
        return
    report.taken, report.same = report.taken + part.taken, report.same + part.same
    report.failed += part.failed


def _groups(chunk: ImportChunk) -> list[Group]:
    header = chunk.file.report["header"]
    return [[tabular.row_of(header, *row) for row in group] for group in chunk.groups]


def _keep(chunk: ImportChunk, report: Report) -> None:
    ImportChunk.objects.filter(pk=chunk.pk).update(done=True, lease_until=None, report=report.as_dict())


@transaction.atomic
def _end(chunk: ImportChunk, report: Report) -> None:
    bad = Report(
        total=report.total,
        failed=[FailedRow(r.line, r.cells, f"{r.reason} {MEANWHILE}") for r in report.failed],
    )
    _keep(chunk, bad)
    stop(chunk.file_id)


def _finish_all() -> None:
    """End the jobs whose last chunk is done; whoever comes second finds nothing."""
    at_work = ImportedFile.objects.filter(state__in=ImportedFile.AT_WORK)
    for pk in at_work.exclude(chunks__done=False).values_list("pk", flat=True):
        _sum_up(pk)


@transaction.atomic
def _sum_up(file_id: int) -> None:
    """The chunks' reports as the file's."""
    file = ImportedFile.objects.select_for_update().get(pk=file_id)
    if file.state not in (*ImportedFile.AT_WORK, State.STOPPED) or "summed" in file.report:
        return
    if file.state in ImportedFile.AT_WORK and file.chunks.filter(done=False).exists():
        return
    reports = list(file.chunks.filter(done=True).order_by("number").values_list("report", flat=True))
    file.report["taken"] += sum(report.get("taken", 0) for report in reports)
    file.report["same"] += sum(report.get("same", 0) for report in reports)
    file.report["failed"] = sorted(
        file.report["failed"] + [row for r in reports for row in r.get("failed", ())]
    )
    if file.state == State.CHECKING:
        file.state = State.CHECKED
    else:
        kept = file.report["taken"] + file.report["same"] > 0 and "header" in file.report
        file.report |= {"kept": kept, "summed": True}
        file.finished_at, file.content = timezone.now(), None
        if file.state == State.RUNNING:
            file.state = State.DONE if kept else State.FAILED
        file.chunks.all().delete()
    file.save(update_fields=["report", "state", "finished_at", "content"])
