"""A what-if as a job: it writes its own row and nothing else, may be stopped or killed, and says what cannot be tried."""

from datetime import timedelta
from io import StringIO

import pytest
from cost_world import cost_strategy, offer
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from fulfillment_world import ACTOR
from what_if_world import busy_days, optimize, tried

from fulfillment.errors import WhatIfRefused
from fulfillment.models import (
    SourcingDecision,
    Strategy,
    StrategyConstraint,
    WhatIf,
)
from fulfillment.services import strategies, what_ifs
from fulfillment.what_if import words
from iom.lib.database import WriteRefused, reading_only


@pytest.fixture
def priced(world):
    """A carrier by zones; `cost` is the default strategy, published."""
    offer()
    strategies.publish(cost_strategy().pk, actor=ACTOR)
    return world


# -- nothing is written, the queries are fixed, it can be stopped -------------------------------------------------
def everything() -> dict[str, list]:
    """All rows of all tables of the house but the results."""
    ours = ("inventory", "orders", "fulfillment", "providers", "orchestration", "insights")
    return {
        model._meta.label: sorted(map(repr, model.objects.values_list()))
        for label in ours
        for model in apps.get_app_config(label).get_models()
        if model is not WhatIf
    }


def test_nothing_is_written_but_the_result(priced):
    busy_days(priced)
    Strategy.objects.update(weights={"split": 3})
    job = what_ifs.start(Strategy.objects.get().pk, actor=ACTOR)
    before = everything()
    with CaptureQueriesContext(connection) as captured:
        what_ifs.work(600)
    assert everything() == before
    writes = [q["sql"] for q in captured if q["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
    assert all('"fulfillment_whatif"' in sql for sql in writes) and writes
    job.refresh_from_db()
    assert job.state == "done"


def test_who_may_only_read_cannot_write(priced):
    with pytest.raises(WriteRefused), transaction.atomic(), reading_only():
        Strategy.objects.get()
        Strategy.objects.update(name="changed")
    assert Strategy.objects.get().name == "Cost"


def test_the_queries_of_a_chunk_are_fixed(priced):
    thing = priced.product(CHI=900, RNO=900)
    Strategy.objects.update(weights={"split": 3})
    counts = []
    for calls, orders in ((1, 1), (12, 6)):
        for _ in range(calls):
            optimize(priced, *priced.orders(orders, (thing, 1)))
        job = what_ifs.start(Strategy.objects.get().pk, actor=ACTOR)
        assert len(job.chunks) == 1
        with CaptureQueriesContext(connection) as captured:
            what_ifs.work(600)
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 60, counts


def test_it_can_be_stopped_and_what_was_found_stays(priced, monkeypatch):
    monkeypatch.setattr(what_ifs, "CHUNK_LINES", 2)
    thing = priced.product(CHI=900)
    for _ in range(4):
        optimize(priced, *priced.orders(2, (thing, 1)))
    job = what_ifs.start(Strategy.objects.get().pk, actor=ACTOR)
    assert len(job.chunks) == 4
    what_ifs._work_on(what_ifs._claim())
    claimed = what_ifs._claim()
    assert what_ifs.stop(job.pk) and not what_ifs.stop(job.pk)
    what_ifs._work_on(claimed)  # it was at work when the rest was stopped: what it found is not kept
    assert what_ifs.work(1) == 0
    job.refresh_from_db()
    assert (job.state, job.position, job.result["orders"], job.percent) == ("stopped", 1, 2, 25)


def test_a_worker_that_dies_leaves_the_chunk_to_the_next(priced):
    optimize(priced, priced.order((priced.product(CHI=9), 1)))
    job = what_ifs.start(Strategy.objects.get().pk, actor=ACTOR)
    what_ifs._claim()
    assert what_ifs.work(1) == 0  # leased
    WhatIf.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert what_ifs.work(60) == 1
    job.refresh_from_db()
    assert (job.state, job.result["orders"]) == ("done", 1)


def test_decisions_that_are_gone_are_passed_over(priced):
    optimize(priced, priced.order((priced.product(CHI=9), 1)))
    job = what_ifs.start(Strategy.objects.get().pk, actor=ACTOR)
    SourcingDecision.objects.all().delete()
    what_ifs.work(60)
    job.refresh_from_db()
    assert (job.state, job.result["orders"]) == ("done", 0)
    assert words.headline(job.against, job.result) == "Nothing was played."


def test_one_that_always_dies_ends_with_a_sentence(priced):
    optimize(priced, priced.order((priced.product(CHI=9), 1)))
    job = what_ifs.start(Strategy.objects.get().pk, actor=ACTOR)
    WhatIf.objects.update(attempts=what_ifs.MOST_ATTEMPTS)
    what_ifs.work(1)
    job.refresh_from_db()
    assert job.state == "failed" and "died each time" in job.error


# -- what cannot be tried is said ---------------------------------------------------------------------------------
def refused(**asked) -> WhatIfRefused:
    with pytest.raises(WhatIfRefused) as caught:
        what_ifs.start(asked.pop("strategy_id", None) or Strategy.objects.get().pk, actor=ACTOR, **asked)
    assert not WhatIf.objects.exists()
    return caught.value


def test_no_order_in_the_period_is_a_sentence(priced):
    assert str(refused(days=3)) == "“Cost” sourced no order in the last 3 days."
    optimize(priced, priced.order((priced.product(CHI=9), 1)))
    SourcingDecision.objects.update(at=timezone.now() - timedelta(days=4))
    assert refused(days=3).field == "days"


def test_a_draft_that_contradicts_itself_is_not_tried(priced):
    optimize(priced, priced.order((priced.product(CHI=9), 1)))
    StrategyConstraint.objects.create(
        strategy=Strategy.objects.get(),
        kind="offline",
        name="All off",
        parameters={"codes": ["CHI", "DAL", "RNO"]},
    )
    assert "The draft contradicts itself" in str(refused()) and "All off" in str(refused())
    assert tried(against="live").result["orders"] == 1


@pytest.mark.parametrize(
    "asked, field",
    [
        ({"days": 0}, "days"),
        ({"days": 91}, "days"),
        ({"most_orders": 0}, "most_orders"),
        ({"most_orders": 5_001}, "most_orders"),
        ({"against": "yesterday"}, "against"),
        ({"strategy_id": 999_999}, "strategy"),
    ],
)
def test_numbers_out_of_range_are_named(priced, asked, field):
    assert refused(**asked).field == field


def test_the_newest_orders_are_taken_and_calls_stay_whole(priced):
    thing = priced.product(CHI=900)
    for count in (4, 3, 2):
        optimize(priced, *priced.orders(count, (thing, 1)))
    sizes = {most: what_ifs.start(Strategy.objects.get().pk, most_orders=most, actor=ACTOR).orders
             for most in (1, 2, 4, 5, 9)}  # fmt: skip
    assert sizes == {1: 2, 2: 2, 4: 2, 5: 5, 9: 9}


# -- the command --------------------------------------------------------------------------------------------------
def told(*arguments: str) -> str:
    out = StringIO()
    call_command("what_if", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_the_command_tells_the_result(priced):
    optimize(priced, *priced.orders(2, (priced.product(CHI=9, RNO=9), 1)))
    StrategyConstraint.objects.create(
        strategy=Strategy.objects.get(), kind="offline", name="No Chicago", parameters={"codes": ["CHI"]}
    )
    said = told("cost", "--days", "3")
    assert said.startswith("The draft would have cost 10.00 USD more (+71.4 %) on 2 orders.\n")
    assert "Carrier" in said and "+10.00" in said and "SO-" in said


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["none"], "There is no strategy with key none."),
        (["cost"], "sourced no order"),
        (["cost", "--days", "0"], "1 to 90"),
    ],
)
def test_the_command_says_what_is_wrong(priced, arguments, sentence):
    with pytest.raises(CommandError, match=sentence):
        told(*arguments)
