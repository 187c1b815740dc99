"""Does what the rules that hold say: one UPDATE a rule, tags and holds each in one call for the whole batch.

Runs inside the caller's transaction with the orders locked. Events are given back: who has the records in memory raises
them, so that their state is right there too.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import CharField, F, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce, Greatest, Least, Left

from orchestration.policies.actions import range_of
from orchestration.policies.constants import Moment
from orchestration.policies.evaluate import Verdict
from orchestration.policies.fields import MODELS, ORDER_OF, catalog
from orders.models import Hold, OrderTag
from orders.services.holds import HoldDraft, place_holds
from orders.services.tags import attach


@dataclass(slots=True)
class Effects:
    """`held`: orders that a hold stops now; `raised`: (event, kind of record) -> ids for which it is to be raised."""

    held: list[int] = field(default_factory=list)
    raised: dict[tuple[str, str], list[int]] = field(default_factory=dict)


def act(policy: Mapping[str, Any], verdicts: Mapping[int, Verdict], *, actor: str) -> Effects:
    """Write what the matching rules say and note it in the verdicts.

    An order that this policy has held before is left alone: the person who released it has decided.
    """
    acting = [
        (rule, _ids(policy, verdicts, n)) for n, rule in enumerate(policy["rules"]) if rule.get("actions")
    ]
    acting = [(rule, ids) for rule, ids in acting if ids]
    if not acting:
        return Effects()
    plain = all("set" in action for rule, _ in acting for action in rule["actions"])
    orders = {} if plain else _orders(policy["entity"], {pk for _, ids in acting for pk in ids})
    name = f"policy:{policy['key']}"
    if any("hold" in action for rule, _ in acting for action in rule["actions"]):
        done = _held_before(name, orders.values())
        acting = [(rule, [pk for pk in ids if orders[pk] not in done]) for rule, ids in acting]
    for rule, ids in acting:
        if ids:
            _write(policy["entity"], rule, ids, verdicts)
    return _around(policy["entity"], acting, orders, verdicts, name) if orders else Effects()


def _ids(policy: Mapping[str, Any], verdicts: Mapping[int, Verdict], position: int) -> list[int]:
    first = policy["combine"] == "first"
    return [
        pk
        for pk, verdict in verdicts.items()
        if verdict.rules[position] and not (first and any(verdict.rules[:position]))
    ]


# -- fields of the record ----------------------------------------------------------------------------------------------


def _write(entity: str, rule: Mapping, ids: list[int], verdicts: Mapping[int, Verdict]) -> None:
    """One UPDATE, and one more for each currency that the rule names amounts in: of the records in that currency."""
    parted: dict[str, list[Mapping]] = defaultdict(list)
    for action in rule["actions"]:
        if "set" in action:
            parted[action.get("currency", "")].append(action)
    for code, actions in parted.items():
        mine = _in_currency(entity, actions[0]["set"], code, ids) if code else ids
        if mine:
            _set(entity, actions, mine, verdicts)


def _in_currency(entity: str, name: str, code: str, ids: list[int]) -> list[int]:
    known = catalog(entity)
    rows = MODELS[entity]._base_manager.filter(pk__in=ids, **{known[known[name].currency].lookup: code})
    return list(rows.values_list("pk", flat=True))


def _set(entity: str, actions: Sequence[Mapping], ids: list[int], verdicts: Mapping[int, Verdict]) -> None:
    model, values, told = MODELS[entity], {}, {}
    for action in actions:
        values |= _values(entity, action)
        told |= action.get("values") or {action["set"]: None}
    model._base_manager.filter(pk__in=ids).update(**values)
    known = {name for action in actions for name in action.get("values") or {}}
    unknown = [name for name in told if name not in known]
    actual = {pk: {} for pk in ids}
    if unknown:
        rows = model._base_manager.filter(pk__in=ids).values_list("pk", *unknown)
        actual = {row[0]: dict(zip(unknown, row[1:], strict=True)) for row in rows}
    for pk in ids:
        verdicts[pk].sets.update({**told, **actual[pk]})


def _values(entity: str, action: Mapping) -> dict[str, Any]:
    """Columns and what to write: constants, or expressions that the database works out for each row."""
    name = action["set"]
    if "values" in action:
        spec = catalog(entity).get(name)
        dated = spec is not None and spec.type == "date"
        return {k: datetime.fromisoformat(v) if dated else v for k, v in action["values"].items()}
    if "minutes" in action:
        return {name: Moment(action["minutes"])}
    return {name: _copy(entity, action) if "from" in action else _count(entity, action)}


def _copy(entity: str, action: Mapping) -> Any:
    spec, other = catalog(entity)[action["set"]], catalog(entity)[action["from"]]
    found = Subquery(MODELS[entity]._base_manager.filter(pk=OuterRef("pk")).values(other.lookup)[:1])
    if spec.type == "text":
        return Coalesce(Left(found, spec.field.max_length), Value(""), output_field=CharField())
    if spec.type == "number":
        return _within(entity, spec.name, Coalesce(found, F(spec.name)))
    return found if spec.field.null else Coalesce(found, F(spec.name))


def _count(entity: str, action: Mapping) -> Any:
    """Whole numbers all the way, half rounded up, so that both databases say the same."""
    name, by = action["set"], Decimal(str(action["by"]))
    if action["arithmetic"] == "add":
        return _within(entity, name, F(name) + int(by))
    if action["arithmetic"] == "round":
        return _within(entity, name, (F(name) * 2 + int(by)) / (2 * int(by)) * int(by))
    return _within(entity, name, (F(name) * int(by * 10**4) * 2 + 10**4) / (2 * 10**4))


def _within(entity: str, name: str, expression: Any) -> Any:
    low, high = range_of(entity, catalog(entity)[name])
    return Least(Greatest(expression, Value(low)), Value(high))


# -- what is around the record: tags, holds, events --------------------------------------------------------------------


def _orders(entity: str, ids: Iterable[int]) -> dict[int, int]:
    ids = list(ids)
    if entity == "order":
        return {pk: pk for pk in ids}
    return dict(MODELS[entity]._base_manager.filter(pk__in=ids).values_list("pk", ORDER_OF[entity]))


def _held_before(name: str, orders: Iterable[int]) -> set[int]:
    return set(
        Hold.objects.filter(order_id__in=set(orders), placed_by=name).values_list("order_id", flat=True)
    )


def _around(
    entity: str,
    acting: Sequence[tuple[Mapping, list[int]]],
    orders: Mapping[int, int],
    verdicts: Mapping[int, Verdict],
    name: str,
) -> Effects:
    added: dict[int, list[str]] = defaultdict(list)
    removed: dict[str, set[int]] = defaultdict(set)
    holds: list[HoldDraft] = []
    raised: dict[tuple[str, str], list[int]] = defaultdict(list)
    for rule, ids in acting:
        for action in rule["actions"]:
            for pk in ids:
                if action.get("tag") == "add":
                    added[orders[pk]].append(action["name"])
                elif "tag" in action:
                    removed[action["name"]].add(orders[pk])
                elif "hold" in action:
                    holds.append(HoldDraft(orders[pk], action["hold"], action.get("reason") or rule["name"]))
                elif "raise" in action:
                    raised[action["raise"], action["about"]].append(
                        orders[pk] if action["about"] == "order" else pk
                    )
                _note(verdicts[pk], action)
    attach(added)
    for tag, order_ids in removed.items():
        OrderTag.objects.filter(order_id__in=order_ids, tag__name=tag).delete()
    held = place_holds(holds, actor=name).changed
    return Effects(held, {key: list(dict.fromkeys(ids)) for key, ids in raised.items()})


def _note(verdict: Verdict, action: Mapping) -> None:
    for kind in ("hold", "raise", "tag"):
        if kind in action:
            told = f"{action['tag']} {action['name']}" if kind == "tag" else action[kind]
            verdict.sets[kind] = ", ".join(filter(None, (verdict.sets.get(kind), told)))
