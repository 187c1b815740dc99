from fulfillment.models.decision import SourceRejection, SourcingDecision
from fulfillment.models.fulfillment_order import FulfillmentLine, FulfillmentOrder
from fulfillment.models.invoice import Invoice
from fulfillment.models.shipment import Shipment, ShipmentLine
from fulfillment.models.strategy import Strategy

__all__ = [
    "FulfillmentLine", "FulfillmentOrder", "Invoice", "Shipment", "ShipmentLine", "SourceRejection", "SourcingDecision", "Strategy",
]  # fmt: skip
