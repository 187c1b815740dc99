"""People in stores, DCs and at the vendor: they work our own worklist through our own API, as a handheld would."""

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from providers.sandbox.calls import request
from providers.sandbox.ledger import Ledger, count

# state it is in: the step that people take
STEPS = {"sent": "accept", "accepted": "pick", "picking": "pack", "packed": "ship"}
PAGE = 500
CARRIERS = ("UPS", "FedEx", "USPS")


class Staff:
    """`pace` is the seconds that a fulfillment order rests in each state before somebody takes the next step."""

    def __init__(self, config: Mapping[str, Any], ledger: Ledger, pace: float) -> None:
        self.url, self.ledger, self.pace = config["our_url"], ledger, pace
        self.headers = {"Authorization": f"Bearer {config['staff_key']}"}

    def round(self) -> int:
        return sum(self._step(state, step) for state, step in STEPS.items())

    def _step(self, state: str, step: str) -> int:
        rows = [row for row in self._list(state) if self._rested(row)]
        if not rows:
            return 0
        shipments = [_shipment(row) for row in rows]
        body = {"shipments": shipments} if step == "ship" else {"ids": [row["id"] for row in rows]}
        status, answer = request(
            self.url,
            "POST",
            f"/api/v1/fulfillment-orders/{step}/",
            self.headers,
            json.dumps(body).encode(),
        )
        changed = len(answer["changed"]) if status == 200 else 0
        if changed and step == "ship":
            self.ledger.run(lambda db: count(db, "staff_shipped", changed))
        return changed

    def _list(self, state: str) -> list[dict[str, Any]]:
        query = f"?state={state}&source_type=warehouse,store,vendor&page_size={PAGE}"
        status, answer = request(self.url, "GET", f"/api/v1/fulfillment-orders/{query}", self.headers)
        return answer["results"] if status == 200 else []

    def _rested(self, row: Mapping[str, Any]) -> bool:
        since = datetime.fromisoformat(row["state_at"])
        return datetime.now(UTC) - since >= timedelta(seconds=self.pace)


def _shipment(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "fulfillment_order": row["number"],
        "key": f"staff-{row['id']}",
        "carrier": CARRIERS[row["id"] % len(CARRIERS)],
        "tracking_number": f"TRK{row['id']:010d}",
        "shipped_at": datetime.fromtimestamp(time.time(), UTC).isoformat(),
    }
