"""What a strategy says, as one document: written when it is published, read by sourcing, compared in words."""

from typing import Any

from fulfillment.models import Strategy, StrategyConstraint

PLAIN = (
    "key", "name", "description", "objective", "max_distance_km", "max_sources_per_order", "split_lines", "weights",
    "is_batch", "batch_minutes", "rest",
)  # fmt: skip


def document_of(strategy: Strategy) -> dict[str, Any]:
    """The draft as a document; codes and keys, no ids, so that it means the same on another site."""
    return {
        **{name: getattr(strategy, name) for name in PLAIN},
        "source_list": strategy.source_list.key if strategy.source_list else "",
        "sources": sorted(source.code for source in strategy.sources.all()),
        "alternate": strategy.alternate.key if strategy.alternate else "",
        "constraints": [constraint_document(row) for row in strategy.constraints.order_by("pk")],
    }


def constraint_document(row: StrategyConstraint) -> dict[str, Any]:
    return {
        "name": row.name,
        "kind": row.kind,
        "description": row.description,
        "is_hard": row.is_hard,
        "enabled": row.enabled,
        "valid_from": row.valid_from.isoformat() if row.valid_from else None,
        "valid_until": row.valid_until.isoformat() if row.valid_until else None,
        "penalty_minor": row.penalty_minor,
        "parameters": row.parameters,
        "source_list": row.source_list.key if row.source_list else "",
        "category": row.category,
        "skus": sorted(product.sku for product in row.products.all()),
    }
