from orders.models.access import ApiKey, IdempotentRequest
from orders.models.channel import Channel
from orders.models.charge import Charge
from orders.models.customer import Address, Customer
from orders.models.event import BusinessEvent, EventDefinition, OrderNote
from orders.models.hold import Hold
from orders.models.order import Order
from orders.models.order_line import OrderLine
from orders.models.split import OrderSplit
from orders.models.state import StateDefinition, StateReason, StateTransition
from orders.models.tag import OrderTag, Tag

__all__ = [
    "Address", "ApiKey", "BusinessEvent", "Channel", "Charge", "Customer", "EventDefinition", "Hold", "IdempotentRequest",
    "Order", "OrderLine", "OrderNote", "OrderSplit", "OrderTag", "StateDefinition", "StateReason", "StateTransition", "Tag",
]  # fmt: skip
