import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from rest_framework.renderers import BaseRenderer


class JSONRenderer(BaseRenderer):
    """Plain JSON in UTF-8; NaN and infinities never leave. An error goes out as problem+json."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type=None, renderer_context=None) -> bytes:
        return b"" if data is None else dumps(data)


def dumps(data: Any) -> bytes:
    return json.dumps(
        data, default=_plain, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    ).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if hasattr(value, "items"):
        return dict(value)
    if hasattr(value, "__iter__"):
        return list(value)
    return str(value)
