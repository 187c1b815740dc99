"""Counters against their history. They read and never write; run them while nobody moves stock, or in one snapshot."""

from collections.abc import Iterable

from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from inventory.models import InventoryMovement, InventoryPosition, Reservation
from inventory.types import LedgerDifference

COUNTERS = ("on_hand", "reserved", "safety_stock")


def ledger_differences() -> list[LedgerDifference]:
    """Counters that are not the sum of their movements, and reserved that is not the sum of active reservations."""
    return [*_against_movements(), *_against_reservations()]


def oversold_positions() -> list[int]:
    """Ids of positions with more reserved than on hand, or a counter below zero: none, while the constraints stand."""
    wrong = Q(reserved__gt=F("on_hand")) | Q(on_hand__lt=0) | Q(reserved__lt=0)
    return list(InventoryPosition.objects.filter(wrong).values_list("pk", flat=True))


def _against_movements() -> list[LedgerDifference]:
    sums = {f"{name}_sum": _sum(InventoryMovement.objects.all(), f"{name}_delta") for name in COUNTERS}
    wrong = Q()
    for name in COUNTERS:
        wrong |= ~Q(**{name: F(f"{name}_sum")})
    rows = (
        InventoryPosition.objects.annotate(**sums).filter(wrong).order_by("pk").values("pk", *COUNTERS, *sums)
    )
    return list(_differences(rows))


def _differences(rows: Iterable[dict]) -> Iterable[LedgerDifference]:
    for row in rows:
        for name in COUNTERS:
            if row[name] != row[f"{name}_sum"]:
                yield LedgerDifference(row["pk"], name, row[name], row[f"{name}_sum"])


def _against_reservations() -> list[LedgerDifference]:
    held = _sum(Reservation.objects.active(), "quantity")
    rows = InventoryPosition.objects.annotate(held=held).exclude(reserved=F("held")).order_by("pk")
    return [
        LedgerDifference(pk, "reserved", *found) for pk, *found in rows.values_list("pk", "reserved", "held")
    ]


def _sum(rows: QuerySet, column: str) -> Coalesce:
    total = rows.filter(position=OuterRef("pk")).order_by().values("position").annotate(total=Sum(column))
    return Coalesce(Subquery(total.values("total")), 0)
