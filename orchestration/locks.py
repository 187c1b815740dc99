"""Kinds of rows of this floor that all orders share; their place is in `settings.IOM["LOCK_ORDER"]`."""

BATCHES = "orchestration.batches"  # new ones
