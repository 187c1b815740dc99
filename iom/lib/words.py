"""Names of kinds of record, as events, policies and the API write them."""

import re
from functools import cache

from django.db.models import Model


@cache
def entity_of(model: type[Model]) -> str:
    """`OrderLine` -> `order_line`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", model.__name__).lower()
