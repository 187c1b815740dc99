"""Admin pages of the inventory."""

from inventory.admin import calendars, stock

__all__ = ["calendars", "stock"]
