"""A result in sentences and in rows of a table; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fulfillment.what_if.measure import MONEY, STEERING
from fulfillment.what_if.totals import Totals, money

NAMES = {
    "carrier": "Carrier", "handling": "Handling a parcel", "units": "Handling a unit", "opportunity": "Future sale value",
    "rejection": "Expected refusals", "lateness": "Expected lateness", "overtime": "Overtime",
    "distance": "Distance", "split": "Splits", "soft": "Preferences and soft constraints",
}  # fmt: skip
TRIED = {"draft": "The draft", "live": "What works now"}
CURRENCY = "USD"  # of the house, as sourcing runs say it
WITHIN = 0.01  # the replay reproduces the record if its cost is within this share of it


@dataclass(frozen=True, slots=True)
class Row:
    """`before` and `after`: of what worked then and of what is tried. `kind` says how to show them: cents, count, km."""

    name: str
    before: float
    after: float
    kind: str = "cents"

    @property
    def delta(self) -> float:
        return self.after - self.before

    @property
    def percent(self) -> float | None:
        return 100 * self.delta / self.before if self.before else None


def headline(against: str, result: Mapping[str, Any]) -> str:
    """The result in a sentence; what is counted is said in `note`."""
    if not result.get("then"):
        return "Nothing was played."
    then, tried = result["then"], result["tried"]
    before, delta = money(then), money(tried) - money(then)
    orders = f"{result['orders']:,} order{'s' if result['orders'] != 1 else ''}"
    if not delta and not result["changed"]:
        return f"{TRIED[against]} would have changed nothing on {orders}."
    cost = (
        f"have cost {_amount(abs(delta))} {'less' if delta < 0 else 'more'}"
        if delta
        else "have cost the same"
    )
    share = f" ({_signed(100 * delta / before)} %)" if delta and before else ""
    return f"{TRIED[against]} would {cost}{share} on {orders}{_also(then, tried)}."


def _amount(cents: int) -> str:
    """Whole units from a hundred on."""
    return f"{cents / 100:,.2f} {CURRENCY}" if abs(cents) < 100_00 else f"{cents / 100:,.0f} {CURRENCY}"


def _signed(percent: float) -> str:
    return f"{percent:+.1f}".replace("-", "−")


def _also(then: Totals, tried: Totals) -> str:
    told = [
        _more(tried[name] - then[name], one, many)
        for name, one, many in (
            ("splits", "split", "splits"),
            ("late_orders", "late order", "late orders"),
            ("unfilled_lines", "line without a source", "lines without a source"),
        )
    ]
    told = [words for words in told if words]
    return f", with {' and '.join(told)}" if told else ""


def _more(delta: int, one: str, many: str) -> str:
    """31 more splits; nothing where nothing changed."""
    if not delta:
        return ""
    return f"{abs(delta):,} {'more' if delta > 0 else 'fewer'} {one if abs(delta) == 1 else many}"


def changed_words(result: Mapping[str, Any]) -> str:
    changed, orders = result.get("changed", 0), result.get("orders", 0)
    if not changed:
        return "No order would have changed."
    alike = changed - result["cheaper"] - result["dearer"] - result["uneven"]
    told = [f"{result['cheaper']:,} cost less", f"{result['dearer']:,} more"]
    if alike:
        told.append(f"{alike:,} the same from elsewhere")
    if result["uneven"]:
        told.append(f"{result['uneven']:,} get more or fewer units")
    return f"{changed:,} of {orders:,} orders would have changed: {', '.join(told)}."


def check_words(result: Mapping[str, Any]) -> str:
    """Does what worked then decide the same again."""
    if not result.get("checked"):
        return ""
    recorded, again = money(result["recorded"]), money(result["again"])
    same, checked = result["same"], result["checked"]
    share = f"{same:,} of {checked:,} decisions come out the same"
    if same == checked:
        return f"Played again, what worked then decides as it did: all {checked:,} decisions and {_amount(recorded)} come out the same."
    off = 100 * (again - recorded) / recorded if recorded else 0.0
    verdict = "reproduces" if reproduces(result) else "does not reproduce"
    return f"Played again, what worked then {verdict} the recorded cost: {_amount(again)} for {_amount(recorded)} ({_signed(off)} %); {share}."


def reproduces(result: Mapping[str, Any]) -> bool:
    recorded, again = money(result["recorded"]), money(result["again"])
    return abs(again - recorded) <= WITHIN * abs(recorded)


def notes(result: Mapping[str, Any]) -> list[str]:
    """What is not in the sums, and why."""
    told = []
    if count := result.get("uneven"):
        told.append(
            f"{count:,} order{'s' if count != 1 else ''} would have got more or fewer units; to compare like with like, "
            f"{'they are' if count != 1 else 'it is'} in no sum of cost."
        )
    if count := result.get("unpriced_lines"):
        told.append(
            f"{count:,} line{'s' if count != 1 else ''} could not be priced (no coordinates, no product, or no rate fits) and are in no sum of cost."
        )
    if count := result.get("blind_calls"):
        told.append(
            f"{count:,} time{'s' if count != 1 else ''} sources were chosen without a look at stock, and so they were here."
        )
    return told  # fmt: skip


def cost_rows(result: Mapping[str, Any]) -> list[Row]:
    """What is paid, by component; those that are nothing on both sides are left out."""
    return _rows(result, MONEY)


def steering_rows(result: Mapping[str, Any]) -> list[Row]:
    """What only steers a plan: not in the cost. What is not sourced is told in lines."""
    return _rows(result, tuple(name for name in STEERING if name != "unfilled"))


def _rows(result: Mapping[str, Any], names: tuple[str, ...]) -> list[Row]:
    then, tried = result["then"]["components"], result["tried"]["components"]
    return [
        Row(NAMES[name], then.get(name, 0), tried.get(name, 0))
        for name in names
        if then.get(name) or tried.get(name)
    ]


def total_row(result: Mapping[str, Any]) -> Row:
    return Row("Cost", money(result["then"]), money(result["tried"]))


def service_rows(result: Mapping[str, Any]) -> list[Row]:
    then, tried = result["then"], result["tried"]
    rows = [
        Row(name, then[key], tried[key], "count")
        for name, key in (
            ("Packages", "parcels"),
            ("Splits", "splits"),
            ("Late orders", "late_orders"),
            ("Lines without a source", "unfilled_lines"),
            ("Units without a source", "unfilled_units"),
            ("Units sourced", "units"),
        )
    ]
    return [*rows, Row("Distance a package", _mean_km(then), _mean_km(tried), "km")]


def _mean_km(totals: Totals) -> float:
    return totals["km"] / totals["located_parcels"] if totals["located_parcels"] else 0.0


def load_rows(result: Mapping[str, Any]) -> list[Row]:
    """Units by source, the busiest first."""
    then, tried = result["then"]["load"], result["tried"]["load"]
    codes = sorted(
        then.keys() | tried.keys(), key=lambda c: (-(then.get(c, (0, 0))[0] + tried.get(c, (0, 0))[0]), c)
    )
    return [Row(code, then.get(code, (0, 0))[0], tried.get(code, (0, 0))[0], "count") for code in codes]


def units_words(units: Mapping[str, int]) -> str:
    """“CHI 2, RNO 1”, or that nothing was found."""
    return ", ".join(f"{code} {count:,}" for code, count in sorted(units.items())) or "no source"
