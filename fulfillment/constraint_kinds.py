"""The kinds of constraint: which parameters each has, what they may be, and how it reads as a sentence. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MOST = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Parameter:
    """`kind`: whole (with bounds), text, choice, codes (a list of source codes) or ranks (source code -> 1 to 10)."""

    name: str
    label: str
    kind: str = "whole"
    least: int = 0
    most: int = MOST
    choices: tuple[str, ...] = ()
    required: bool = True
    help: str = ""


@dataclass(frozen=True, slots=True)
class ConstraintKind:
    """`sentence` is filled with the parameters; `narrows` says by which fields it may be narrowed.

    `nearest`: kept by strategies for the nearest sources too; see `keeps`.
    """

    key: str
    sentence: str
    parameters: tuple[Parameter, ...] = ()
    narrows: tuple[str, ...] = ()
    always_hard: bool = False
    nearest: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one parameter; `field` is its name, empty: the constraint as a whole."""

    code: str
    field: str
    sentence: str


SHIP_CLASSES = ("hazmat", "bulky", "fragile", "perishable", "std")
SOURCE_TYPES = ("warehouse", "store", "3pl", "vendor", "virtual")

KINDS: dict[str, ConstraintKind] = {
    kind.key: kind
    for kind in (
        ConstraintKind(
            "maximum_distance",
            "no farther than {km:,} km",
            (Parameter("km", "Kilometers", least=1, most=20_040),),
            ("source_list",),
            nearest=True,
        ),
        ConstraintKind("restrict_partial", "an order goes out whole or not at all"),
        ConstraintKind(
            "respect_timings", "a source that is closed or past its cutoff today is not used", (), ("source_list",)
        ),
        ConstraintKind(
            "sources_per_order",
            "at most {count} source(s) for an order",
            (Parameter("count", "Sources", least=1, most=50),),
            nearest=True,
        ),
        ConstraintKind(
            "sources_per_line",
            "at most {count} source(s) for an order line",
            (Parameter("count", "Sources", least=1, most=50),),
            nearest=True,
        ),
        ConstraintKind(
            "lines_per_day",
            "at most {count:,} order lines a day from each source",
            (
                Parameter("count", "Order lines a day", least=0),
                Parameter(
                    "per", "Counted", "choice", choices=("source", "list"), required=False,
                    help="each source by itself, or all of the list together",
                ),
            ),
            ("source_list",),
            nearest=True,
        ),
        ConstraintKind(
            "safety_stock",
            "{units:,} units of a product stay at each source",
            (Parameter("units", "Units", least=1),),
            ("source_list", "products", "category"),
        ),
        ConstraintKind(
            "location_priority",
            "sources go by their priority",
            (
                Parameter(
                    "ranks", "Priority of sources", "ranks", required=False, help="others keep their own priority"
                ),
                Parameter("step_minor", "Cents for each rank below the first", least=1, most=100_000),
            ),
            ("source_list", "products", "category"),
        ),
        ConstraintKind(
            "offline",
            "{codes} not used",
            (Parameter("codes", "Sources", "codes", required=False, help="and all of the list"),),
            ("source_list",),
            nearest=True,
        ),
        ConstraintKind(
            "maximum_rejects",
            "after {count} rejections a person decides",
            (Parameter("count", "Rejections", least=1, most=100),),
            nearest=True,
        ),
        ConstraintKind(
            "minimum_inventory",
            "a source with fewer than {units:,} units of a product does not give it",
            (Parameter("units", "Units", least=1),),
            ("source_list", "products", "category"),
        ),
        ConstraintKind(
            "no_split",
            "orders under {value_minor:,} cents, and with the listed products, are not split",
            (Parameter("value_minor", "Order value in cents", required=False),),
            ("products", "category"),
        ),
        ConstraintKind(
            "class_not_from",
            "{ship_class} goods never from a {source_type}",
            (
                Parameter("ship_class", "Class", "choice", choices=SHIP_CLASSES),
                Parameter("source_type", "Source type", "choice", choices=SOURCE_TYPES),
            ),
            ("source_list",),
            always_hard=True,
            nearest=True,
        ),
    )
}  # fmt: skip


def not_kept_by_nearest(row: Mapping[str, Any]) -> str:
    """Why a strategy for the nearest sources cannot keep a constraint of a document, as a sentence; empty: it can."""
    kind, per = KINDS.get(row["kind"]), row["parameters"].get("per")
    if kind is None:
        return ""
    if not kind.nearest:
        return "A strategy for the nearest sources cannot keep this kind; take the objective least cost, or switch it off."
    if row["kind"] == "lines_per_day" and per != "list":
        return (
            "For the nearest sources order lines a day are counted of a list together only: give it a list and count “list”, "
            "or take the objective least cost."
        )
    if row["kind"] == "maximum_distance" and row["source_list"]:
        return "For the nearest sources a distance counts for all sources: take its list out, or the objective least cost."
    return ""


@dataclass
class Checked:
    """The parameters as they are kept, and what is wrong with those that are not."""

    values: dict[str, Any] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def check(kind: str, given: Mapping[str, Any]) -> Checked:
    """Typed parameters of a kind; every fault at once."""
    known, checked = KINDS.get(kind), Checked()
    if known is None:
        checked.faults.append(Fault("unknown_kind", "kind", f"There is no constraint of kind {kind!r:.40}."))
        return checked
    if not isinstance(given, Mapping):
        checked.faults.append(Fault("not_an_object", "parameters", "Parameters are names with values."))
        return checked
    names = {parameter.name for parameter in known.parameters}
    for name in sorted(set(map(str, given)) - names):
        offer = f"known: {', '.join(sorted(names))}" if names else "it has none"
        checked.faults.append(
            Fault("unknown_parameter", name, f"There is no parameter {name!r:.40}; {offer}.")
        )
    for parameter in known.parameters:
        _take(parameter, given.get(parameter.name), checked)
    return checked


def _take(parameter: Parameter, value: Any, checked: Checked) -> None:
    if value in (None, "", [], {}):
        if parameter.required:
            checked.faults.append(Fault("missing", parameter.name, f"{parameter.label} is missing."))
        return
    try:
        checked.values[parameter.name] = READERS[parameter.kind](parameter, value)
    except ValueError as error:
        checked.faults.append(Fault("bad_value", parameter.name, f"{parameter.label}: {error}."))


def _whole(parameter: Parameter, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError("not a whole number")
    if isinstance(value, str) and not (
        value.strip().isascii() and value.strip().isdigit() and len(value) < 19
    ):
        raise ValueError("not a whole number")
    number = int(value)
    if not parameter.least <= number <= parameter.most:
        raise ValueError(f"not from {parameter.least:,} to {parameter.most:,}")
    return number


def _choice(parameter: Parameter, value: Any) -> str:
    if value not in parameter.choices:
        raise ValueError(f"one of {', '.join(parameter.choices)}")
    return value


def _codes(parameter: Parameter, value: Any) -> list[str]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(code, str) and code for code in value):
        raise ValueError("a list of source codes")
    return sorted(set(value))


def _ranks(parameter: Parameter, value: Any) -> dict[str, int]:
    if not isinstance(value, Mapping):
        raise ValueError("source codes with a rank each")
    bad = [code for code, rank in value.items() if type(rank) is not int or not 1 <= rank <= 10]
    if bad:
        raise ValueError(f"the rank of {bad[0]!r:.40} is not from 1 to 10")
    return dict(sorted(value.items(), key=lambda item: (item[1], item[0])))


READERS = {"whole": _whole, "choice": _choice, "codes": _codes, "ranks": _ranks}


def sentence(kind: str, parameters: Mapping[str, Any]) -> str:
    """The constraint in words, with what is missing shown as …"""
    known = KINDS.get(kind)
    if known is None:
        return kind
    if kind == "no_split":
        return _no_split(parameters)
    if kind == "offline":
        return f"{', '.join(parameters.get('codes', ())) or 'the sources of the list'}: not used"
    if kind == "lines_per_day" and parameters.get("per") == "list" and "count" in parameters:
        return f"at most {parameters['count']:,} order lines a day from all sources of the list together"
    try:
        return known.sentence.format(**parameters)
    except (KeyError, ValueError, TypeError):
        return known.sentence.replace(":,", "")


def _no_split(parameters: Mapping[str, Any]) -> str:
    value = parameters.get("value_minor")
    if value:
        return f"orders under {value / 100:,.2f}, and those with the listed products, are not split"
    return "orders with the listed products are not split"
