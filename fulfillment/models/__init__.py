from fulfillment.models.capacity import ListDay, ListDayUse, SourceDay
from fulfillment.models.carrier import (
    Carrier,
    CarrierService,
    Lateness,
    Rate,
    SourceService,
    Surcharge,
    TransitTime,
    ZoneBand,
)
from fulfillment.models.constraint import StrategyConstraint
from fulfillment.models.decision import SourcingDecision
from fulfillment.models.fulfillment_order import FulfillmentLine, FulfillmentOrder
from fulfillment.models.future_sale import FutureSale
from fulfillment.models.invoice import Invoice
from fulfillment.models.method import MethodRule
from fulfillment.models.pickup import CarrierPickup
from fulfillment.models.rate_factor import ShippingRateFactor
from fulfillment.models.rejection import RejectionReason, SourceRejection
from fulfillment.models.replan import Replan
from fulfillment.models.shipment import Shipment, ShipmentLine
from fulfillment.models.source_list import SourceList, SourcePriority
from fulfillment.models.sourcing_run import SourcingRun
from fulfillment.models.strategy import Strategy, StrategyVersion
from fulfillment.models.what_if import WhatIf

__all__ = [
    "Carrier", "CarrierPickup", "CarrierService", "FulfillmentLine", "FulfillmentOrder", "FutureSale", "Invoice", "Lateness",
    "ListDay", "ListDayUse", "MethodRule", "Rate", "RejectionReason", "Replan", "Shipment", "ShipmentLine", "ShippingRateFactor", "SourceDay", "SourceList",
    "SourcePriority", "SourceRejection", "SourceService", "SourcingDecision", "SourcingRun", "Strategy",
    "StrategyConstraint", "StrategyVersion", "Surcharge", "TransitTime", "WhatIf", "ZoneBand",
]  # fmt: skip
