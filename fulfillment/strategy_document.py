"""What a strategy says, as one document: written when it is published, read by sourcing, put back by a restore."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from fulfillment import strategy_costs
from fulfillment.models import SourceList, Strategy, StrategyConstraint
from inventory.models import FulfillmentSource, Product
from iom.lib import compiled

PLAIN = (
    "key", "name", "description", "objective", "max_distance_km", "max_sources_per_order", "split_lines", "weights",
    "is_batch", "batch_minutes", "batch_mode", "rest", *strategy_costs.FIELDS,
)  # fmt: skip
RELATED = ("sources", "constraints__products", "constraints__source_list")


@dataclass(frozen=True)
class LiveStrategy:
    """What works now. `version` 0: never published, the draft works."""

    key: str
    version: int
    is_default: bool
    document: Mapping[str, Any]


def document_of(strategy: Strategy) -> dict[str, Any]:
    """The draft as a document; codes and keys, no ids, so that it means the same on another site."""
    rows = sorted(strategy.constraints.all(), key=lambda row: row.pk)
    return {
        **{name: _plain(getattr(strategy, name)) for name in PLAIN},
        "source_list": strategy.source_list.key if strategy.source_list else "",
        "sources": sorted(source.code for source in strategy.sources.all()),
        "alternate": strategy.alternate.key if strategy.alternate else "",
        "constraints": [constraint_document(row) for row in rows],
    }


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def constraint_document(row: StrategyConstraint) -> dict[str, Any]:
    return {
        "name": row.name,
        "kind": row.kind,
        "description": row.description,
        "is_hard": row.is_hard,
        "enabled": row.enabled,
        "valid_from": row.valid_from.isoformat() if row.valid_from else None,
        "valid_until": row.valid_until.isoformat() if row.valid_until else None,
        "parameters": row.parameters,
        "source_list": row.source_list.key if row.source_list else "",
        "category": row.category,
        "skus": sorted(product.sku for product in row.products.all()),
    }


def live_strategies() -> dict[str, LiveStrategy]:
    """By key, and the default one by the empty key too. One query, and four more while drafts work unpublished."""
    rows = _strategies()
    unpublished = {}
    if drafts := [pk for pk, _, _, number, _ in rows if number is None]:
        full = Strategy.objects.select_related("source_list", "alternate").prefetch_related(*RELATED)
        unpublished = {row.pk: document_of(row) for row in full.filter(pk__in=drafts)}
    found = {
        key: LiveStrategy(key, number or 0, is_default, unpublished[pk] if number is None else document)
        for pk, key, is_default, number, document in rows
    }
    default = next((live for live in found.values() if live.is_default), None)
    return {"": default, **found} if default else found


@compiled.query
def _strategies() -> QuerySet:
    fields = ("pk", "key", "is_default", "live_version__number", "live_version__document")
    return Strategy.objects.order_by("key").values_list(*fields)


def counts_on(row: Mapping[str, Any], day: date) -> bool:
    """Is this constraint of a document switched on, and within its dates."""
    begins, ends = row["valid_from"], row["valid_until"]
    if not row["enabled"] or (begins and day < date.fromisoformat(begins)):
        return False
    return not (ends and day > date.fromisoformat(ends))


def is_of_list(row: Mapping[str, Any]) -> bool:
    """Does this constraint limit the order lines a day of all sources of its list together."""
    return row["kind"] == "lines_per_day" and row["parameters"].get("per") == "list"


def gives_way(row: Mapping[str, Any], day: date) -> bool:
    """Is it a soft constraint that counts: kept where that leaves no line out. When a person decides is none of planning."""
    return not row["is_hard"] and row["kind"] != "maximum_rejects" and counts_on(row, day)


def list_members() -> dict[str, frozenset[int]]:
    """Source ids by key of the source list."""
    found: dict[str, set] = defaultdict(set)
    for key, source in _members():
        found[key].add(source)
    return {key: frozenset(members - {None}) for key, members in found.items()}


@compiled.query
def _members() -> QuerySet:
    return SourceList.objects.values_list("key", "sources")


def source_ids(
    document: Mapping[str, Any], lists: Mapping[str, frozenset[int]], ids: Mapping[str, int]
) -> frozenset[int] | None:
    """The sources that the document names; None: every active source. A list without members is nobody."""
    if not document["source_list"] and not document["sources"]:
        return None
    named = {ids[code] for code in document["sources"] if code in ids}
    return lists.get(document["source_list"], frozenset()) | named


# -- back from a document -----------------------------------------------------------------------------------------


def write_draft(strategy: Strategy, document: Mapping[str, Any]) -> None:
    """Make the draft say what the document says; lists, sources and products that are gone are left out."""
    document = {**strategy_costs.DEFAULTS, **document}
    for name in PLAIN:
        if name != "key" and name in document:
            setattr(strategy, name, document[name])
    strategy.source_list = SourceList.objects.filter(key=document["source_list"]).first()
    strategy.alternate = Strategy.objects.filter(key=document["alternate"]).exclude(pk=strategy.pk).first()
    strategy.save()
    strategy.sources.set(FulfillmentSource.objects.filter(code__in=document["sources"]))
    strategy.constraints.all().delete()
    for row in document["constraints"]:
        _write_constraint(strategy, row)


def _write_constraint(strategy: Strategy, row: Mapping[str, Any]) -> None:
    plain = {name: value for name, value in row.items() if name not in ("source_list", "skus")}
    for name in ("valid_from", "valid_until"):
        plain[name] = date.fromisoformat(plain[name]) if plain[name] else None
    made = StrategyConstraint.objects.create(
        strategy=strategy, source_list=SourceList.objects.filter(key=row["source_list"]).first(), **plain
    )
    made.products.set(Product.objects.filter(sku__in=row["skus"]))
