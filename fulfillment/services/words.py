"""Refusals in words, and the order of the states."""

from fulfillment.models import FulfillmentOrder

State = FulfillmentOrder.State
STEPS = (
    State.NEW, State.SENT, State.ACCEPTED, State.PICKING, State.PACKED, State.SHIPPED, State.DELIVERED,
)  # fmt: skip


def refusal(work: FulfillmentOrder, target: str) -> str:
    """Why a fulfillment order cannot become what a call asked for."""
    label = FulfillmentOrder.State(work.state).label.lower()
    wanted = FulfillmentOrder.State(target).label.lower()
    return f"{work.number} is {label} and cannot become {wanted}."
