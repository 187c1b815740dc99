from rest_framework import parsers


class StrictJSONParser(parsers.JSONParser):
    """JSON within stated limits."""
