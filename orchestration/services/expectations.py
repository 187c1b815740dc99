"""How long steps usually take, from what was seen lately, and from when on a path counts as stuck."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from statistics import median

from django.core.cache import cache
from django.db.models import Q
from django.utils import timezone

from orchestration.models import StepResult, StepRun
from orchestration.services.batches import WAITS_FOR

RECENT = 2_000  # step results looked at
FEWEST = 3  # waits of a step before a usual time is claimed
UNKNOWN = timedelta(hours=4)  # what is expected of a step that nobody has seen end
SHORTEST = timedelta(hours=1)
TOLERANCE = 4  # times the usual
CACHED_SECONDS = 60


def usual_times() -> Mapping[str, timedelta]:
    """Step key -> median wait of its recent visits; read by primary key from the newest end, and kept for a minute."""
    if (known := cache.get("usual_times")) is None:
        known = _measured()
        cache.set("usual_times", known, CACHED_SECONDS)
    return known


def overdue() -> Q:
    """Condition on tokens: standing in their step for longer than expected, and not stopped or held."""
    now = timezone.now()
    known = {step: max(SHORTEST, TOLERANCE * usual) for step, usual in usual_times().items()}
    late = Q(entered_at__lt=now - UNKNOWN) & ~Q(step__in=list(known))
    for step, limit in known.items():
        late |= Q(step=step, entered_at__lt=now - limit)
    return (
        (late | Q(deadline_at__lt=now))
        & ~Q(state__in=(StepRun.State.FAILED, StepRun.State.PAUSED))
        & ~Q(waiting_for__startswith="release of")
        & ~Q(waiting_for__startswith=WAITS_FOR)
    )


def _measured() -> dict[str, timedelta]:
    rows = StepResult.objects.order_by("-id").values_list("run_id", "step", "visit", "result", "at")[:RECENT]
    ended: dict[tuple, object] = {}
    waits = defaultdict(list)
    for run_id, step, visit, result, at in rows:  # newest first: the end of a wait comes before its beginning
        key = (run_id, step, visit)
        if result != StepResult.Result.REQUESTED:
            ended.setdefault(key, at)
        elif key in ended:
            waits[step].append(ended.pop(key) - at)
    return {step: median(found) for step, found in waits.items() if len(found) >= FEWEST}
