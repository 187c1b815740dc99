"""Admin pages of the border; importing them registers them."""

from providers.admin import messages

__all__ = ["messages"]
