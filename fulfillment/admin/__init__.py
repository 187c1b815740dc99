"""Admin pages of fulfillment: what people set up, and what was decided and done, to read."""

from fulfillment.admin import calendars, carriers, setup, sources, strategies, what_ifs, work

__all__ = ["calendars", "carriers", "setup", "sources", "strategies", "what_ifs", "work"]
