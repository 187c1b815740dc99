"""What a state allows: the read-only flag of its row, its label, and what a person may do next."""

from orders.errors import ReadOnlyState
from orders.models import Order, StateDefinition
from orders.services.transitions import TransitionTable

# What a person may do with an order, by its built-in state.
ACTIONS = {
    Order.State.DRAFT: ("edit", "orchestrate", "cancel", "clone"),
    Order.State.NEW: ("edit", "hold", "orchestrate", "cancel", "clone"),
    Order.State.IN_PROGRESS: ("edit", "hold", "orchestrate", "cancel", "clone"),
    Order.State.ON_HOLD: ("edit", "hold", "release", "cancel", "clone"),
    Order.State.FULFILLMENT: ("hold", "cancel", "clone"),
    Order.State.SHIPPED: ("clone",),
    Order.State.COMPLETED: ("clone",),
    Order.State.CANCELED: ("clone",),
}
# What a person does: the event that moves a state
EVENTS = {
    "hold": "order.held",
    "release": "order.released",
    "orchestrate": "order.orchestrate",
    "cancel": "order.canceled",
}


def is_read_only(entity: str, state: str) -> bool:
    """Whether people may edit a record in this state; a state without a row is open. Source: reference ST-5."""
    return StateDefinition.objects.filter(entity=entity, key=state, read_only=True).exists()


def labels() -> dict[tuple[str, str], str]:
    """(entity, state) -> what people see; one query."""
    return {
        (entity, key): label
        for entity, key, label in StateDefinition.objects.values_list("entity", "key", "label")
    }


def allowed_actions(state: str) -> list[str]:
    """What a person may do; a state that people made allows what its transitions and its read-only flag allow."""
    if state in ACTIONS:
        return list(ACTIONS[state])
    table = TransitionTable()
    moves = [action for action, event in EVENTS.items() if table.move(Order, event, state)]
    return [*([] if is_read_only("order", state) else ["edit"]), *moves, "clone"]


def stands_fast(state: str) -> bool:
    """Is it a state that people made, and gave no way to canceled."""
    return state not in ACTIONS and "cancel" not in allowed_actions(state)


def refusal(number: str, state: str, verb: str) -> str:
    """`SO-1042 is shipped and cannot be held; possible now: clone.`"""
    allowed = ", ".join(allowed_actions(state))
    return f"{number} is {state.replace('_', ' ')} and cannot be {verb}; possible now: {allowed}."


def assert_editable(order: Order) -> None:
    if is_read_only("order", order.state):
        allowed = [action for action in allowed_actions(order.state) if action != "edit"]
        raise ReadOnlyState(order.number, order.state, allowed)
