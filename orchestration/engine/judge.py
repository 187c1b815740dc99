"""What the policies of a step say of its records, and what they do; verdicts by record, whatever kind a policy looks at."""

from collections.abc import Collection, Mapping

from django.db.models import Model

from orchestration.actions.base import Item, Result
from orchestration.engine.wave import Wave
from orchestration.entities import registered
from orchestration.policies.act import act
from orchestration.policies.evaluate import Verdict, evaluate

Outcomes = dict[int, Result]


def apply_policy(
    wave: Wave, items: list[Item], name: str, level: str, ids: set[int], outcomes: Outcomes, detail: dict
) -> None:
    policy = _policy(wave, items, name)
    verdicts = judge(wave, items, name, level, {pk for pk in ids if pk not in outcomes}, write=True)
    for pk, verdict in verdicts.items():
        if verdict.passed and not verdict.sets:
            continue
        detail.setdefault(pk, {}).update(told(wave, items, name, verdict))
        if not verdict.passed and policy["criticality"] == "critical":
            broken = [
                rule["name"] for rule, held in zip(policy["rules"], verdict.rules, strict=True) if not held
            ]
            outcomes[pk] = Result("failed", "policy_failed", f"{policy['name']}: {'; '.join(broken)}")


def judge(
    wave: Wave, items: list[Item], name: str, level: str, ids: Collection[int], write: bool = False
) -> dict[int, Verdict]:
    """Verdicts by record of this level, whatever kind of record the policy looks at."""
    if not ids:
        return {}
    policy = _policy(wave, items, name)
    if policy["entity"] == level:
        verdicts = evaluate(policy, ids)
        if write:
            _act(wave, policy, verdicts)
        return verdicts
    subjects = _subjects(wave, items, level, policy["entity"], ids)
    verdicts = evaluate(policy, {subject for found in subjects.values() for subject in found})
    if write:
        _act(wave, policy, verdicts)
    return {
        pk: _all_of([verdicts[subject] for subject in found if subject in verdicts])
        for pk, found in subjects.items()
    }


def _act(wave: Wave, policy: Mapping, verdicts: dict[int, Verdict]) -> None:
    """Do what the rules say; what is in memory follows what holds and events changed."""
    effects = act(policy, verdicts, actor=wave.actor)
    if policy["entity"] in registered() and any(verdict.sets for verdict in verdicts.values()):
        wave.reload_custom(policy["entity"])
    if effects.held:
        wave.reload_states(effects.held)
    for (event, entity), ids in effects.raised.items():
        wave.raise_for(event, _known(wave, entity, set(ids)))


def _known(wave: Wave, entity: str, ids: set[int]) -> list[Model]:
    """The records in memory, so that a move of their state is seen by what follows."""
    if entity == "order":
        return [order for pk, order in wave.orders.items() if pk in ids]
    if entity == "order_line":
        return [line for lines in wave.lines.values() for line in lines if line.id in ids]
    if entity in registered():
        return [found for pk in wave.orders for found in wave.custom_records(entity, pk) if found.pk in ids]
    return [found for pk in wave.orders for found in wave.fulfillment_orders(pk) if found.id in ids]


def _subjects(
    wave: Wave, items: list[Item], level: str, entity: str, ids: Collection[int]
) -> dict[int, list[int]]:
    """Record of this level -> the records of the policy's kind that speak for it."""
    found = {}
    for item in items:
        for record in item.records:
            if record.id not in ids:
                continue
            if entity == "order":
                found[record.id] = [item.order.id]
            elif entity == "order_line" and level == "fulfillment_order":
                found[record.id] = list(record.line_quantities)
            else:
                found[record.id] = [other.id for other in wave.records(item.token, entity)]
    return found


def _all_of(verdicts: list[Verdict]) -> Verdict:
    if not verdicts:
        return Verdict(True, [])
    worst = next((verdict for verdict in verdicts if not verdict.passed), verdicts[0])
    return Verdict(worst.passed, worst.rules, worst.values, worst.sets)


def _policy(wave: Wave, items: list[Item], name: str) -> Mapping:
    return wave.policies(items[0].run.id)[name]


def told(wave: Wave, items: list[Item], name: str, verdict: Verdict) -> dict:
    policy = _policy(wave, items, name)
    rules = {rule["name"]: held for rule, held in zip(policy["rules"], verdict.rules, strict=False)}
    told = {
        "passed": verdict.passed,
        "version": policy["version"],
        "rules": rules,
        "values": _plain(verdict.values),
    }
    return {name: told | ({"sets": _plain(verdict.sets)} if verdict.sets else {})}


def _plain(values: Mapping) -> dict:
    return {
        name: value if isinstance(value, bool | int | str | None) else str(value)
        for name, value in values.items()
    }
