from rest_framework import renderers


class JSONRenderer(renderers.JSONRenderer):
    """Plain JSON; NaN and infinities never leave."""
