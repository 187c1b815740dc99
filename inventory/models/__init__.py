from inventory.models.calendar import CalendarDay, WorkingCalendar, WorkingHours
from inventory.models.imported_file import ImportChunk, ImportedFile
from inventory.models.position import InventoryMovement, InventoryPosition
from inventory.models.product import Product
from inventory.models.reservation import Reservation
from inventory.models.source import FulfillmentSource

__all__ = [
    "CalendarDay",
    "FulfillmentSource",
    "ImportChunk",
    "ImportedFile",
    "InventoryMovement",
    "InventoryPosition",
    "Product",
    "Reservation",
    "WorkingCalendar",
    "WorkingHours",
]
