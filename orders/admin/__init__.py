"""Admin pages of the orders floor; importing them registers them."""

from orders.admin import access, definitions, order, people

__all__ = ["access", "definitions", "order", "people"]
