"""The numbers in the sentence of a decision are those of its own table: in random worlds, by both planners."""

import random
import re

import pytest
from test_cart_agrees import random_world
from test_cost_planner import optimize
from test_ship_to_store import to_store

from fulfillment.models import SourcingDecision, Strategy
from inventory.models import FulfillmentSource
from inventory.services.stock import set_on_hand
from inventory.types import StockLevel
from orders.models import OrderLine

ELIGIBLE = (
    "",
    "dearer in this plan",
    "farther than the chosen source",
    "the order comes from another source already",
)


def larger(world, seed: int):
    """A random world with two more sources, and an order beside the random one."""
    order, chance = random_world(world, seed), random.Random(seed)
    for code, latitude, longitude in (("SEA", 47.6, -122.3), ("NYC", 40.7, -74.0)):
        made = FulfillmentSource.objects.create(
            code=code, name=code, latitude=latitude, longitude=longitude, active=chance.random() < 0.8
        )
        world.sources[code] = made
        for service in FulfillmentSource.objects.get(code="CHI").services.values_list("service", flat=True):
            made.services.create(service_id=service)
        for product in OrderLine.objects.filter(order=order).values_list("product", flat=True):
            set_on_hand([StockLevel(product, made.pk, chance.randint(0, 5))], actor="test", reason="count")
    lines = OrderLine.objects.filter(order=order).select_related("product")
    other = world.order(*[(line.product, chance.randint(1, 5)) for line in lines if chance.random() < 0.8])
    if chance.random() < 0.3 and other.lines.exists():
        store = FulfillmentSource.objects.create(
            code="ST", name="Store", type="store", latitude=34.0, longitude=-118.2
        )
        to_store(other, store)
    return [one for one in (order, other) if one.lines.exists()]


def numbers_agree(decision: SourcingDecision, sources: int) -> list[str]:
    """Each number of the sentence that the table knows too, compared; returns what was compared."""
    told, rows = decision.sentence, decision.candidates
    assert len(rows) == sources  # so few that all are shown
    chosen = {row["code"]: row["quantity"] for row in decision.chosen}
    good = [row["code"] for row in rows if row["removed_by"] in ELIGIBLE]
    seen = []
    if found := re.search(r"; (\d+) sources? could bring it(?! whole)", told):
        assert int(found[1]) == len(good) == sources - sum(decision.removed.values()), (told, rows)
        seen.append("could bring")
    if found := re.search(r"; (\d+|no) other sources? could bring it whole", told):
        dearer = [row for row in rows if row["removed_by"] == "dearer in this plan"]
        assert int(found[1].replace("no", "0")) == len(dearer), (told, rows)
        seen.append("others")
    if found := re.search(r"one of (\d+) sources that had|nearest of (\d+) sources that had", told):
        assert int(found[1] or found[2]) == len(good), (told, rows)
        seen.append("had all")
    if "the only source that had all items" in told:
        assert good == list(chosen), (told, rows)
        seen.append("only")
    if found := re.search(r"brings (\d+) of (\d+) lines whole", told):
        of_order = SourcingDecision.objects.filter(order=decision.order_id)
        if decision.relaxed:  # planned beside what was left of the order
            of_order = [one for one in of_order if one.relaxed]
        whole = [one for one in of_order if " lines whole" in one.sentence]
        places = [one.chosen[0]["source"] for one in whole]
        assert int(found[1]) == places.count(decision.chosen[0]["source"]) and int(found[2]) == len(of_order)
        if found := re.search(r"(\d+) together are the fewest", told):
            assert int(found[1]) == len(set(places))
        seen.append("brings")
    if found := re.match(r"(\d+) of (\d+) from", told):
        assert int(found[1]) == sum(chosen.values()) < int(found[2]) == decision.order_line.quantity
        seen.append("some of")
    if found := re.match(r"(\d+) within all constraints, (\d+) more: ", told):
        assert int(found[1]) + int(found[2]) == sum(chosen.values())
        seen.append("more")
    for count, reason in re.findall(r"(\d+) ([a-z' ]+?)(?=[,)]| and |$|\.)", _bracket(told)):
        assert decision.removed[reason] == int(count), (told, decision.removed)
        seen.append("reason")
    for units, km in re.findall(r"\((\d+), ([\d,]+) km\)", told):
        pairs = [(row["quantity"], row["distance_km"]) for row in decision.chosen]
        assert (int(units), int(km.replace(",", ""))) in pairs, (told, pairs)
        seen.append("parts")
    if (
        decision.costs
        and (found := re.search(r"([\d,]+\.\d\d) for this line", told))
        and " more: " not in told
    ):
        assert round(float(found[1].replace(",", "")) * 100) == sum(decision.costs.values())
        seen.append("cost")
    return seen


def _bracket(told: str) -> str:
    """The reasons of a line that was not sourced."""
    if not told.startswith("Not sourced"):
        return ""
    found = re.search(r"\(([^()]*)\)|of \d+ sources ([^;]*)", told)
    return (found[1] or found[2]) if found else ""


@pytest.mark.parametrize("objective", ["cost", "nearest"])
@pytest.mark.parametrize("seed", range(30))
def test_the_sentence_says_what_its_table_says(world, seed, objective):
    orders = larger(world, seed)
    Strategy.objects.update(objective=objective)
    if objective == "nearest":  # what it knows; the others are refused by the set-up
        Strategy.objects.get().constraints.exclude(
            kind__in=(
                "maximum_distance",
                "offline",
                "sources_per_order",
                "sources_per_line",
                "maximum_rejects",
            )
        ).delete()
    optimize(world, *orders)
    seen = [
        numbers_agree(decision, FulfillmentSource.objects.count())
        for decision in SourcingDecision.objects.all()
    ]
    assert any(seen)
