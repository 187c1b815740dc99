"""A receiving dock: from time to time a truck brings goods that are sold out, told by our own API."""

import json
import time
from collections.abc import Mapping
from typing import Any

from providers.sandbox.calls import request

EVERY_SECONDS = 45.0
UNITS = 4
DOCK = "DC-CMH"


class Dock:
    """`config["awaited"]` has the SKUs that come, one a truck in turn, so many seconds after each other."""

    def __init__(self, config: Mapping[str, Any], every: float = EVERY_SECONDS) -> None:
        self.every = every
        self.url, self.skus = config["our_url"], list(config.get("awaited", ()))
        self.headers = {"Authorization": f"Bearer {config.get('dock_key', '')}"}
        self.due, self.trucks = time.monotonic() + every, 0

    def round(self) -> int:
        if not self.skus or time.monotonic() < self.due:
            return 0
        self.due = time.monotonic() + self.every
        row = {"sku": self.skus[self.trucks % len(self.skus)], "source": DOCK, "quantity": UNITS}
        self.trucks += 1
        body = json.dumps({"rows": [row], "reason": "Delivery at the dock"}).encode()
        status, _ = request(self.url, "POST", "/api/v1/positions/adjust/", self.headers, body)
        return int(status == 200)
