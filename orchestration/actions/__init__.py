"""The actions that steps can name, by key. Each lives in a file of its own.

An app adds one by a module that registers it, imported in its `AppConfig.ready`:

    from orchestration.actions import Action, failed, register
    from orders.models import OrderLine


    @register
    class CheckWeight(Action):
        # Lines that one person cannot lift fail; the parameter `most_grams` says how much that is.

        key, label, level = "check_weight", "Check weight", "order_line"
        failure, any_failure = "order_line.validation_failed", "order.lines_validation_failed"

        def run(self, batch):
            most = batch.parameters.get("most_grams", 25_000)
            lines = OrderLine.objects.filter(pk__in=[line.pk for _, line in batch.records()])
            heavy = lines.filter(product__weight_grams__gt=most).values_list("pk", "sku")
            return {pk: failed("too_heavy", f"{sku} weighs over {most:,} g.") for pk, sku in heavy}

        def problems(self, step):
            most = (step.get("parameters") or {}).get("most_grams", 25_000)
            return [] if isinstance(most, int) and most > 0 else ["“most_grams” must be a number above 0"]

Two more ways need no code: a step “Custom” has policies of its own and an event of its own; a step “Provider action” calls
any action that a provider declares (`actions.provider`).
"""

from orchestration.actions import custom, fulfill, hold, provider, reserve, source, split, validate, wait  # noqa: F401 - they register
from orchestration.actions.base import (
    ACTIONS,
    OK,
    Action,
    Batch,
    Item,
    Result,
    failed,
    register,
    unavailable,
    waiting,
)

__all__ = [
    "ACTIONS", "OK", "Action", "Batch", "Item", "Result", "failed", "register", "unavailable", "waiting",
]  # fmt: skip
