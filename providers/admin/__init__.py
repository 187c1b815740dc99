"""Admin pages of the border; importing them registers them."""

from providers.admin import connection, messages

__all__ = ["connection", "messages"]
