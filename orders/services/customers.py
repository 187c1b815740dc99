"""Customers that come with orders of a shop."""

from collections.abc import Sequence
from dataclasses import dataclass

from orders.models import Customer


@dataclass(frozen=True, slots=True)
class CustomerDraft:
    """`kind` is account (a company) or contact (a person)."""

    code: str
    kind: str
    name: str
    email: str = ""
    phone: str = ""


def add_missing_customers(found: Sequence[CustomerDraft]) -> None:
    """Add those whose code is new; one that is there stays as people keep it. Two queries, one if all are known."""
    drafts = {draft.code: draft for draft in found}
    known = set(Customer.objects.filter(code__in=drafts).values_list("code", flat=True)) if drafts else set()
    fresh = [
        Customer(code=d.code, kind=d.kind, name=d.name[:200], email=d.email[:254], phone=d.phone[:40])
        for code, d in sorted(drafts.items())
        if code not in known
    ]
    Customer.objects.bulk_create(fresh, ignore_conflicts=True)
