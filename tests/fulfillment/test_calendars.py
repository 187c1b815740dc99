"""Golden vectors of days: clocks that change, holidays, missed pickups, Saturdays; and the quantile of a sum."""

from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fulfillment import calendars, promise
from fulfillment.calendars import MONDAY_TO_FRIDAY, Calendar, NoWorkingDay, Schedule
from fulfillment.promise import Lane, Level, convolved, distribution, quantile

NEW_YORK = "America/New_York"
OFFICE = {weekday: ((time(8), time(18)),) for weekday in range(5)}
ALWAYS = Calendar()
FIVE = {weekday: (time(17),) for weekday in range(5)}


def moment(text: str, zone: str = NEW_YORK) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=calendars.zone(zone))


def wall(found: datetime, zone: str = NEW_YORK) -> str:
    return calendars.local(found, zone).strftime("%Y-%m-%d %H:%M")


def test_work_runs_through_the_hour_that_the_clocks_skip():
    night = Schedule(NEW_YORK, ALWAYS, processing=timedelta(hours=2), pickups={6: (time(4),), 0: (time(9),)})
    now = moment("2026-03-08T01:30")
    assert wall(calendars.ready_at(night, now)) == "2026-03-08 04:30"  # 02:00 to 03:00 is not there
    assert wall(calendars.pickup_at(night, calendars.ready_at(night, now))) == "2026-03-09 09:00"


def test_work_gains_the_hour_that_comes_twice():
    night = Schedule(NEW_YORK, ALWAYS, processing=timedelta(hours=2), pickups={6: (time(2),), 0: (time(9),)})
    now = moment("2026-11-01T00:30")
    assert wall(calendars.ready_at(night, now)) == "2026-11-01 01:30"
    assert wall(calendars.pickup_at(night, calendars.ready_at(night, now))) == "2026-11-01 02:00"


@pytest.mark.parametrize("day, utc_hour", [("2026-03-06", 19), ("2026-03-09", 18), ("2026-11-02", 19)])
def test_cutoff_is_at_two_on_both_sides_of_a_change(day, utc_hour):
    source = Schedule(NEW_YORK, Calendar(OFFICE), cutoff=time(14))
    before = datetime.fromisoformat(day).replace(hour=utc_hour, tzinfo=UTC) - timedelta(minutes=1)
    assert calendars.capacity_day(source, before) == date.fromisoformat(day)
    assert calendars.capacity_day(source, before + timedelta(minutes=1)) > date.fromisoformat(day)


def test_a_holiday_and_a_weekend_are_no_days():
    source = Schedule(NEW_YORK, Calendar(OFFICE, country="US"), cutoff=time(14), pickups=FIVE)
    assert calendars.ship_day(source, moment("2026-11-25T13:59")) == date(2026, 11, 25)
    assert calendars.ship_day(source, moment("2026-11-25T14:00")) == date(
        2026, 11, 27
    )  # Thanksgiving between
    assert calendars.ship_day(source, moment("2026-11-27T15:00")) == date(2026, 11, 30)


def test_a_region_has_its_own_holidays_and_a_date_of_ones_own_opens_or_closes():
    bavaria = Calendar(OFFICE, country="DE", region="BY")
    assert not bavaria.is_open(date(2026, 1, 6)) and Calendar(OFFICE, country="DE").is_open(date(2026, 1, 6))
    own = Calendar(OFFICE, {date(2026, 11, 26): ((time(9), time(12)),), date(2026, 11, 27): ()}, country="US")
    assert own.stretches(date(2026, 11, 26)) == ((time(9), time(12)),)
    assert own.next_open(date(2026, 11, 27)) == date(2026, 11, 30)


def test_a_country_that_is_not_known_has_no_holidays():
    assert Calendar(OFFICE, country="XX").is_open(date(2026, 12, 25))


def test_a_minute_after_the_last_pickup_costs_the_weekend():
    source = Schedule(NEW_YORK, Calendar(OFFICE), processing=timedelta(hours=3), pickups=FIVE)
    assert calendars.ship_day(source, moment("2026-10-09T14:00")) == date(2026, 10, 9)  # a Friday
    assert calendars.ship_day(source, moment("2026-10-09T14:01")) == date(2026, 10, 12)


def test_work_stops_at_closing_and_goes_on_the_next_day_after_the_break():
    halves = {0: ((time(8), time(12)), (time(13), time(17))), 1: ((time(9), time(12)),)}
    source = Schedule("UTC", Calendar(halves), processing=timedelta(hours=6))
    now = datetime(2026, 10, 12, 11, 0, tzinfo=UTC)
    assert calendars.ready_at(source, now) == datetime(2026, 10, 13, 10, 0, tzinfo=UTC)  # 1 + 4 + 1 hours


def test_before_opening_the_day_is_today_and_work_begins_at_opening():
    source = Schedule(NEW_YORK, Calendar(OFFICE), cutoff=time(14), processing=timedelta(hours=1))
    assert wall(calendars.ready_at(source, moment("2026-10-12T05:00"))) == "2026-10-12 09:00"


def test_the_day_is_the_sources_own():
    now = datetime(2026, 10, 13, 2, 0, tzinfo=UTC)  # Monday evening in Los Angeles, Tuesday in Berlin
    los_angeles = Schedule("America/Los_Angeles", Calendar(OFFICE), cutoff=time(20))
    berlin = Schedule("Europe/Berlin", Calendar(OFFICE), cutoff=time(20))
    assert calendars.capacity_day(los_angeles, now) == date(2026, 10, 13)  # closed at 18:00, so the next
    assert calendars.capacity_day(berlin, now) == date(2026, 10, 13)
    assert calendars.ready_days(los_angeles, now) == 1 and calendars.ready_days(berlin, now) == 0


def test_never_open_is_said_and_not_looped_over():
    closed = Schedule("UTC", Calendar({0: ()}))
    with pytest.raises(NoWorkingDay):
        calendars.ship_day(closed, datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(NoWorkingDay):
        calendars.pickup_at(
            Schedule("UTC", Calendar(OFFICE), pickups={6: (time(9),)}), datetime(2026, 1, 1, tzinfo=UTC)
        )


FRIDAY = date(2026, 10, 9)


@pytest.mark.parametrize(
    "days, saturday, arrives", [(0, False, 9), (1, False, 12), (1, True, 10), (2, True, 13), (2, False, 13)]
)
def test_saturday_delivery_is_for_the_last_day_only(days, saturday, arrives):
    found = calendars.deliver_day(MONDAY_TO_FRIDAY, FRIDAY, days, saturday=saturday)
    assert found == date(2026, 10, arrives)


# -- the quantile of a sum ----------------------------------------------------------------------------------------


def test_quantile_of_the_sum_is_less_than_the_sum_of_quantiles():
    transit, delays = {2: 0.9, 3: 0.1}, {0: 0.9, 1: 0.1}
    lane = Lane(Schedule("UTC", ALWAYS), ALWAYS, transit, delays=delays)
    found = promise.promise(lane, datetime(2026, 10, 12, 9, tzinfo=UTC), confidence=0.95)
    assert quantile(transit, 0.95) + quantile(delays, 0.95) == 4
    assert (found.deliver_on, found.expected_on) == (date(2026, 10, 15), date(2026, 10, 14))
    assert promise.promise(lane, datetime(2026, 10, 12, 9, tzinfo=UTC), confidence=0.995).deliver_on.day == 16


def test_a_weekend_between_is_seen_by_each_branch():
    """Two days from Thursday is Monday; a missed Thursday pickup makes it Tuesday, although only one day was lost."""
    lane = Lane(
        Schedule(NEW_YORK, Calendar(OFFICE), pickups=FIVE),
        MONDAY_TO_FRIDAY,
        {2: 1.0},
        delays={0: 0.8, 1: 0.2},
    )
    now = moment("2026-10-08T09:00")
    assert promise.promise(lane, now, confidence=0.8).deliver_on == date(2026, 10, 12)
    assert promise.promise(lane, now, confidence=0.81).deliver_on == date(2026, 10, 13)


def test_work_that_varies_misses_slots_with_its_share():
    lane = Lane(
        Schedule(NEW_YORK, Calendar(OFFICE), pickups=FIVE),
        MONDAY_TO_FRIDAY,
        {1: 1.0},
        processing={60: 0.9, 300: 0.1},
    )
    found = promise.ship_days(lane, moment("2026-10-08T13:00"))
    assert found == pytest.approx({date(2026, 10, 8): 0.9, date(2026, 10, 9): 0.1})


def test_goods_that_come_later_move_the_day():
    lane = Lane(Schedule(NEW_YORK, Calendar(OFFICE), pickups=FIVE), MONDAY_TO_FRIDAY, {1: 1.0})
    found = promise.promise(lane, moment("2026-10-08T09:00"), not_before=date(2026, 10, 17))
    assert (found.ship_on, found.deliver_on) == (date(2026, 10, 19), date(2026, 10, 20))


small = st.dictionaries(st.integers(0, 9), st.integers(1, 9), min_size=1, max_size=5).map(
    lambda counts: distribution(sorted(counts.items()), 0)
)


@given(small, small)
def test_a_sum_is_a_distribution_and_the_order_does_not_matter(first, second):
    total = convolved(first, second)
    assert sum(total.values()) == pytest.approx(1) and total == pytest.approx(convolved(second, first))
    means = [sum(value * share for value, share in each.items()) for each in (first, second, total)]
    assert means[2] == pytest.approx(means[0] + means[1])


@given(small, st.floats(0.01, 1))
def test_quantile_is_the_first_that_reaches_its_share(values, confidence):
    found = quantile(values, confidence)
    reached = sum(share for value, share in values.items() if value <= found)
    below = sum(share for value, share in values.items() if value < found)
    assert below - 1e-6 <= confidence <= reached + 1e-6


def test_a_thin_lane_leans_on_its_zone():
    found = promise.shrunk([(5, 1)], {2: 0.5, 3: 0.5}, strength=9)
    assert found == pytest.approx({2: 0.45, 3: 0.45, 5: 0.1})


# -- the level that learns ----------------------------------------------------------------------------------------


def _season(adaptive: bool):
    """600 lanes, 120 days, the carrier a day slower from day 60 to 75: (kept, kept in the drift, days of padding)."""
    rng = np.random.default_rng(11)
    means = rng.uniform(1.2, 5.5, 600)
    history = [np.sort(np.round(rng.gamma(9, mean / 9, 400)).astype(int)) for mean in means]
    level, kept, padding, drift = Level(), [], [], []
    for day in range(120):
        slow = 1.0 if 60 <= day < 75 else 0.0
        came = np.round(rng.gamma(9, means / 9) + slow).astype(int)
        said = np.array([lane[min(399, int(np.ceil(level.value * 400)) - 1)] for lane in history])
        good = came <= said
        kept.append(good.mean())
        padding.append((said - came).mean())
        if slow:
            drift.append(good.mean())
        if adaptive:
            level = level.after(int(good.sum()), 600)
    return np.mean(kept), np.mean(drift), np.mean(padding)


def test_the_level_learns_to_keep_what_it_says_with_less_padding():
    fixed, learned = _season(adaptive=False), _season(adaptive=True)
    assert abs(learned[0] - 0.95) < 0.01, learned
    assert abs(learned[0] - 0.95) < abs(fixed[0] - 0.95)
    assert learned[1] > fixed[1] + 0.05, "in the drift it must hold better than a fixed level"


def test_the_level_stays_within_bounds_and_pools_where_parcels_are_few():
    level = Level()
    for _ in range(50):
        level = level.after(0, 10)
    assert level.value == promise.HIGHEST and level.after(0, 0) == level
    levels = {("ground", "IL"): (Level(value=0.6), 199), ("ground", ""): (Level(value=0.7), 200)}
    assert promise.level_for(levels, "ground", "IL").value == 0.7
    assert promise.level_for({}, "ground", "IL").value == 0.95
