"""Kinds of rows of this floor that all orders share; their place is in `settings.IOM["LOCK_ORDER"]`."""

POSITIONS = "inventory.positions"  # new ones by product and source, then by id
