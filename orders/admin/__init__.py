"""Admin pages of the orders floor; importing them registers them."""

from orders.admin import access, definitions, people

__all__ = ["access", "definitions", "people"]
