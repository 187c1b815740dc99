"""One text for one value: keys sorted, no spaces. For hashes, comparisons and cache keys."""

import hashlib
import json
from typing import Any


def dumps(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)


def digest(value: Any) -> str:
    """SHA-256 of the canonical text, 64 hexadecimal characters."""
    return hashlib.sha256(dumps(value).encode()).hexdigest()
