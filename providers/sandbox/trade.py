"""Trade buyers: they post purchase orders to our API, again and again under one key until each is taken."""

import time
from collections.abc import Mapping
from typing import Any

from providers.sandbox.faults import Dice
from providers.sandbox.ledger import Ledger, dumps
from providers.sandbox.threepl import iso

PATH = "/api/v1/orders/"


class Trade:
    """`config["trade"]` has their key with us, who they are and what they buy; without it there are none."""

    def __init__(self, config: Mapping[str, Any], ledger: Ledger, dice: Dice) -> None:
        self.config, self.ledger, self.dice = config.get("trade"), ledger, dice

    def share(self, orders: int) -> int:
        """How many of so many orders are theirs: every tenth, and of single ones as many on average."""
        if not self.config:
            return 0
        return orders // 10 or int(self.dice.hits(0.1))

    def receive(self, number: int) -> list[str]:
        orders = [self._order() for _ in range(number)]

        def write(db) -> list[str]:
            rows = [
                db.execute(
                    "INSERT INTO trade_order (body, due) VALUES (?, ?)", (dumps(order), time.time())
                ).lastrowid
                for order in orders
            ]
            return [external_id(row) for row in rows]

        return self.ledger.run(write)

    def _order(self) -> dict[str, Any]:
        """One to three lines; more than half of them are for a hundred units and more."""
        buyer = self.dice.pick(self.config["buyers"])
        chosen = {
            self.dice.pick(range(len(self.config["products"]))) for _ in range(1 + int(self.dice.roll() * 3))
        }
        lines = [
            {
                "line_number": place,
                "sku": self.config["products"][n]["sku"],
                "quantity": 30 + int(self.dice.roll() * 90),
                "unit_price": self.config["products"][n]["price"],
            }
            for place, n in enumerate(sorted(chosen), 1)
        ]
        return {
            "channel": self.config["channel"],
            "placed_at": iso(time.time()),
            "currency": "USD",
            **buyer,
            "lines": lines,
        }


def external_id(row: int) -> str:
    return f"PO-{row}"


def posted(row, key: str) -> tuple[str, dict[str, str], dict[str, Any]]:
    """Path, headers and body of the call for a purchase order."""
    number = external_id(row["id"])
    return PATH, {"Authorization": f"Bearer {key}", "Idempotency-Key": number}, {"external_id": number}
