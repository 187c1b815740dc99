"""What can go wrong with orders. Each carries data, a code for machines and a sentence for people."""

from collections.abc import Collection, Sequence


class OrdersError(Exception):
    code = "orders_error"
    status = 400


class OrderNotFound(OrdersError):
    code = "order_not_found"
    status = 404

    def __init__(self, ids: Collection[int]) -> None:
        self.ids = sorted(ids)
        super().__init__(f"There is no order {', '.join(map(str, self.ids[:10]))}.")


class ConcurrentChange(OrdersError):
    """A record moved between reading and writing; the whole unit may be tried again."""

    code = "concurrent_change"
    status = 409

    def __init__(self, kind: str, ids: Sequence[int]) -> None:
        self.kind, self.ids = kind, list(ids)
        super().__init__(
            f"Somebody else moved a record while {kind} was applied; nothing was changed, try again."
        )
