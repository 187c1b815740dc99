"""Kinds of rows of this floor that all orders share; their place is in `settings.IOM["LOCK_ORDER"]`."""

LIST_DAYS = "fulfillment.list_days"  # by list and day
DAYS = "fulfillment.source_days"  # new ones by source and day, then by id
