"""What ships with the product: business events, states, state reasons. `sync` writes them as locked rows after each migration."""

from django.apps import apps as installed
from django.apps.registry import Apps

# key: (name that people see, what it means)
EVENTS = {
    "order.new": ("New order", "An order was created and starts its flows"),
    "order.orchestrate": ("Orchestrate order", "A person asked to run the order through the published flows"),
    "order.validated": ("Validation of Order Header has Succeeded", ""),
    "order.validation_failed": ("Validation of Order Header has Failed", ""),
    "order.lines_validated": (
        "Validation of Order Lines has Succeeded",
        "Raised once, when every line passed",
    ),
    "order.lines_validation_failed": ("Validation of Order Lines has Failed", ""),
    "order.sourced": ("Fulfillment Determination of Order Succeeded", "Every line has its source"),
    "order.not_sourced": ("Fulfillment Determination of Order Failed", "Some line has no source"),
    "order.source_assigned": ("Fulfillment Source of Order Assigned", "A policy set the fulfillment source"),
    "order.reserved": ("On Hand Check Success", "Stock is reserved for every line"),
    "order.not_reserved": ("On Hand Check Failed", "Stock went in between for some line"),
    "order.sent_to_fulfillment": (
        "Send Order to Fulfillment Provider has Succeeded",
        "Every line is with its source",
    ),
    "order.part_shipped": ("Order part shipped", "The first of several lines has shipped"),
    "order.shipped": ("Order shipped", "Every line has shipped"),
    "order.delivered": ("Order delivered", ""),
    "order.invoiced": ("Billing of order confirmed by billing provider", "Every line is invoiced"),
    "order.held": ("Order put on hold", ""),
    "order.released": ("Order released", ""),
    "order.released_to_new": ("Order released before validation", ""),
    "order.released_to_fulfillment": ("Order released in fulfillment", ""),
    "order.canceled": ("Order canceled", ""),
    "order.cancel_requested": ("Cancellation requested", "A source was asked to stop; its answer decides"),
    "order.provider_answered": (
        "Provider answered",
        "A step asked a provider for something that no other event tells of",
    ),
    "order.split": ("Order split", "Its lines went over to child orders, one for each split group"),
    "order.changed": ("Order changed", "A person or a system edited the order"),
    "order_line.validated": ("Validation of order line succeeded", ""),
    "order_line.validation_failed": ("Validation of order line failed", ""),
    "order_line.sourced": ("Source of order line found", ""),
    "order_line.not_sourced": ("Source of order line not found", ""),
    "order_line.reserved": ("Stock of order line reserved", ""),
    "order_line.not_reserved": ("Stock of order line not reserved", ""),
    "order_line.sent_to_fulfillment": ("Order line sent to fulfillment", ""),
    "order_line.rejected": ("Order line rejected by its source", "It is sourced again elsewhere"),
    "order_line.part_shipped": ("Order line part shipped", "Some units have shipped, others have not"),
    "order_line.shipped": ("Order line shipped", ""),
    "order_line.invoiced": ("Order line invoiced", ""),
    "order_line.backordered": ("Order line on backorder", ""),
    "order_line.released": ("Order line released", ""),
    "order_line.split": ("Order line went over to a child order", ""),
    "order_line.canceled": ("Order line canceled", ""),
    "fulfillment_order.created": ("Creation of Fulfillment Order has Succeeded", ""),
    "fulfillment_order.sent": ("Fulfillment order sent", "The provider took it, or it is on the worklist"),
    "fulfillment_order.send_failed": ("Send to fulfillment failed", "The provider refused it"),
    "fulfillment_order.accepted": ("Fulfillment order accepted", ""),
    "fulfillment_order.picking": ("Fulfillment order in picking", ""),
    "fulfillment_order.packed": ("Fulfillment order packed", ""),
    "fulfillment_order.shipped": ("Fulfillment order shipped", ""),
    "fulfillment_order.delivered": ("Fulfillment order delivered", ""),
    "fulfillment_order.rejected": ("Fulfillment order rejected", ""),
    "fulfillment_order.canceled": ("Fulfillment order canceled", ""),
    "fulfillment_order.cancel_requested": ("Cancellation of fulfillment order requested", ""),
    "fulfillment_order.invoiced": ("Fulfillment order invoiced", ""),
    "fulfillment_order.invoice_failed": ("Invoicing of fulfillment order failed", ""),
    "fulfillment_source.activated": ("Fulfillment source switched on", ""),
    "fulfillment_source.deactivated": ("Fulfillment source switched off", "No plan uses it from now on"),
    "strategy.published": ("Strategy published", "Its draft became the version that works"),
    "strategy.default_chosen": ("Default strategy chosen", ""),
}

# entity: [(state, label, place on the progress bar, read only)]
STATES = {
    "order": [
        ("draft", "Draft", None, False),
        ("new", "New", 10, False),
        ("in_progress", "In progress", 20, False),
        ("on_hold", "On hold", None, False),
        ("fulfillment", "Fulfillment in process", 30, True),
        ("shipped", "Shipped", 40, True),
        ("completed", "Completed", 50, True),
        ("canceled", "Canceled", None, True),
    ],
    "order_line": [
        ("new", "New", 10, False),
        ("in_progress", "In progress", 20, False),
        ("on_hold", "On hold", None, False),
        ("fulfillment", "Fulfillment in process", 30, True),
        ("shipped", "Shipped", 40, True),
        ("invoiced", "Invoiced", 50, True),
        ("canceled", "Canceled", None, True),
    ],
    "fulfillment_order": [
        ("new", "New", 10, False),
        ("sent", "Sent", 20, True),
        ("accepted", "Accepted", 30, True),
        ("picking", "Picking", 40, True),
        ("packed", "Packed", 50, True),
        ("shipped", "Shipped", 60, True),
        ("delivered", "Delivered", 70, True),
        ("rejected", "Rejected", None, True),
        ("canceled", "Canceled", None, True),
    ],
}

REASONS = {
    "order": {
        "validated": "Validated",
        "validation_failed": "Order validation failed",
        "sourced": "Sourced",
        "sent": "Sent to fulfillment",
        "part_shipped": "Part shipped",
        "shipped": "Shipped",
        "fulfilled": "Fulfilled",
        "released": "Released",
        "canceled": "Canceled",
        "split": "Split into child orders",
        "fraud": "Fraud check",
        "credit": "Credit hold",
        "address": "Address hold",
        "validation": "Validation hold",
        "backorder": "Backorder hold",
        "preorder": "Pre-order hold",
        "rejected": "Refused by sources",
        "manual": "Manual hold",
    },
    "order_line": {
        "validated": "Validated",
        "validation_failed": "Order line validation failed",
        "sourced": "Sourced",
        "not_sourced": "Inventory not found",
        "reserved": "Inventory check successful",
        "sent": "Sent to fulfillment",
        "rejected": "Rejected by source",
        "part_shipped": "Part shipped",
        "shipped": "Shipped",
        "invoiced": "Invoiced",
        "split": "Went over to a child order",
        "backorder": "Backorder hold",
        "preorder": "Pre-order hold",
        "released": "Released",
        "canceled": "Canceled",
    },
    "fulfillment_order": {},
}


def sync(apps: Apps = installed) -> None:
    """Write what ships as rows, marked as shipped; repeated calls change nothing. Rows that people made stay."""
    names = ("EventDefinition", "StateDefinition", "StateReason")
    EventDefinition, StateDefinition, StateReason = (apps.get_model("orders", name) for name in names)
    EventDefinition.objects.bulk_create(
        [
            EventDefinition(
                key=key, name=name, entity=key.split(".")[0], description=description, shipped=True
            )
            for key, (name, description) in EVENTS.items()
        ],
        update_conflicts=True,
        unique_fields=["key"],
        update_fields=["name", "entity", "description", "shipped"],
    )
    StateDefinition.objects.bulk_create(
        [
            StateDefinition(
                entity=entity, key=key, label=label, timeline_position=place, read_only=locked, shipped=True
            )
            for entity, states in STATES.items()
            for key, label, place, locked in states
        ],
        update_conflicts=True,
        unique_fields=["entity", "key"],
        update_fields=["label", "timeline_position", "read_only", "shipped"],
    )
    StateReason.objects.bulk_create(
        [
            StateReason(entity=entity, key=key, label=label, shipped=True)
            for entity, reasons in REASONS.items()
            for key, label in reasons.items()
        ],
        update_conflicts=True,
        unique_fields=["entity", "key"],
        update_fields=["label", "shipped"],
    )
