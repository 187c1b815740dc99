"""States as filters know them: ours, and those that people made."""

from collections.abc import Callable, Iterable

from orders.models import StateDefinition


def states_people_made(entity: str) -> Callable[[], Iterable[str]]:
    return lambda: StateDefinition.objects.filter(entity=entity).values_list("key", flat=True)
