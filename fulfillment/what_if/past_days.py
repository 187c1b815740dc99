"""What of the days of sources and of lists was taken at a moment of the past."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, Sum

from fulfillment import calendars
from fulfillment.list_limits import Bucket
from fulfillment.loading import Facts
from fulfillment.loading.list_days import source_days
from fulfillment.models import FulfillmentOrder, SourceDay
from fulfillment.services.sourcing_runs import NO_LIMIT
from fulfillment.strategy_document import is_of_list

Used = dict[tuple[int, date, str], int]  # (source, its day, unit) -> how much of its capacity is taken
Documents = Iterable[Mapping[str, Any]]
LINES_PER_DAY = "lines_per_day"
OVER = (FulfillmentOrder.State.REJECTED, FulfillmentOrder.State.CANCELED)
LONGEST_DAY = timedelta(
    days=14
)  # for so long before, work may count for a day on which something was planned


class PastCapacity:
    """What of each source's day was taken at a moment, by unit, and how much the day had.

    Taken is what the fulfillment orders made before took; those given back since took it until they ended. How much a day
    had is kept in the day itself; where strategies limit order lines a day that says the lower of both, and is not used.
    """

    def __init__(self, known: Facts, documents: Documents, since: datetime, until: datetime) -> None:
        self.known = known
        self.by_rule = any(
            row["kind"] == LINES_PER_DAY and not is_of_list(row)
            for document in documents
            for row in document["constraints"]
        )
        self.limited = {row["pk"] for row in known.sources if row["capacity_per_day"] is not None}
        first, last = since.date() - calendars.ONE_DAY, until.date() + 14 * calendars.ONE_DAY
        self.days = self._days(first, last) if self.limited or self.by_rule else {}
        self.works = self._works(first, last, until) if self.limited or self.by_rule else []

    def _days(self, first: date, last: date) -> dict[tuple[int, date], dict[str, tuple[int, int]]]:
        """By source and day: regular and most by unit."""
        found: dict[tuple[int, date], dict[str, tuple[int, int]]] = defaultdict(dict)
        rows = SourceDay.objects.filter(day__range=(first, last))
        for source, day, unit, regular, most in rows.values_list(
            "source_id", "day", "unit", "regular", "maximum"
        ):
            found[source, day][unit] = (regular, most)
        return found

    def _works(self, first: date, last: date, until: datetime) -> list[tuple]:
        rows = FulfillmentOrder.objects.filter(capacity_day__range=(first, last), created_at__lt=until)
        rows = rows.annotate(units=Sum("lines__quantity"), count=Count("lines")).order_by()
        return list(
            rows.values_list(
                "source_id", "capacity_day", "created_at", "capacity_used", "capacity_unit", "state", "state_at",
                "units", "count",
            )
        )  # fmt: skip

    def at(self, moment: datetime) -> tuple[Used, list[dict[str, Any]]]:
        """What was used, and the sources with the capacity of the day that counted then."""
        used: Used = defaultdict(int)
        for source, day, made, taken, of, state, ended, units, lines in self.works:
            over = state in OVER and not taken
            if made >= moment or (over and ended <= moment):
                continue
            counted = [unit for unit in self.days.get((source, day), ()) if of in ("", unit)]
            for unit in counted:
                amount = {"units": units or 0, "lines": lines, "orders": 1}[unit]
                used[source, day, unit] += taken if taken and len(counted) == 1 else amount
        return used, [self._of_day(row, moment) for row in self.known.sources]

    def _of_day(self, row: dict[str, Any], moment: datetime) -> dict[str, Any]:
        if row["pk"] not in self.limited or self.by_rule:
            return row
        day = self.days.get((row["pk"], self._day(row["pk"], moment)), {}).get(row["capacity_unit"])
        if day is None or day[1] >= NO_LIMIT:
            return row
        return row | {"capacity_per_day": day[0], "overtime_per_day": day[1] - day[0]}

    def _day(self, source: int, moment: datetime) -> date:
        try:
            return calendars.capacity_day(self.known.setups[source].schedule(), moment)
        except calendars.NoWorkingDay:
            return date.max


class PastListDays:
    """Order lines that counted for the days of lists that a strategy limits. `lists`: sources by key of the list."""

    def __init__(
        self,
        lists: Mapping[str, Collection[int]],
        known: Facts,
        documents: Documents,
        since: datetime,
        until: datetime,
    ) -> None:
        self.lists = lists
        rows = [row for document in documents for row in document["constraints"] if is_of_list(row)]
        limited = {row["source_list"] for row in rows}
        sources = {pk for key in limited for pk in lists.get(key, ())}
        self.works = self._works(sources, known, since - LONGEST_DAY, until) if sources else []

    def _works(self, sources: Collection[int], known: Facts, first: datetime, last: datetime) -> list[tuple]:
        """Of each fulfillment order: source, when made, its day, when over, lines."""
        rows = FulfillmentOrder.objects.filter(source__in=sources, created_at__range=(first, last))
        rows = rows.annotate(count=Count("lines")).order_by()
        found = []
        for source, made, state, ended, lines in rows.values_list(
            "source_id", "created_at", "state", "state_at", "count"
        ):
            if day := source_days([source], known.setups, made).get(source):
                found.append((source, made, day, ended if state in OVER else None, lines))
        return found

    def at(self, moment: datetime) -> Counter[Bucket]:
        used: Counter[Bucket] = Counter()
        for source, made, day, over, lines in self.works:
            if made < moment and not (over and over <= moment):
                used.update({(key, day): lines for key, pks in self.lists.items() if source in pks})
        return used
