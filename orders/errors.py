"""What can go wrong with orders. Each carries data, a code for machines and a sentence for people."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any


class OrdersError(Exception):
    code = "orders_error"
    status = 400


class OrderNotFound(OrdersError):
    code = "order_not_found"
    status = 404

    def __init__(self, ids: Collection[int]) -> None:
        self.ids = sorted(ids)
        super().__init__(f"There is no order {', '.join(map(str, self.ids[:10]))}.")


class LineNotFound(OrdersError):
    code = "line_not_found"
    status = 404

    def __init__(self, ids: Collection[int]) -> None:
        self.ids = sorted(ids)
        super().__init__(f"There is no order line {', '.join(map(str, self.ids[:10]))}.")


class ConcurrentChange(OrdersError):
    """A record moved between reading and writing; the whole unit may be tried again."""

    code = "concurrent_change"
    status = 409

    def __init__(self, kind: str, ids: Sequence[int]) -> None:
        self.kind, self.ids = kind, list(ids)
        super().__init__(
            f"Somebody else moved a record while {kind} was applied; nothing was changed, try again."
        )


class StaleEdit(OrdersError):
    """Somebody saved in between. `fields` holds (their value, yours) of each field that you wanted to change."""

    code = "stale_edit"
    status = 409

    def __init__(
        self, order_id: int, *, version: int, current: int, fields: Mapping[str, tuple[Any, Any]]
    ) -> None:
        self.order_id, self.version, self.current, self.fields = order_id, version, current, dict(fields)
        super().__init__(
            f"The order was changed while you edited it (you had version {version}, it is {current}); "
            "compare both values and save again."
        )


class ReadOnlyState(OrdersError):
    code = "read_only_state"
    status = 409

    def __init__(self, number: str, state: str, allowed: Sequence[str]) -> None:
        self.number, self.state, self.allowed = number, state, list(allowed)
        possible = f"possible now: {', '.join(allowed)}" if allowed else "nothing can be changed any more"
        super().__init__(f"{number} is {state.replace('_', ' ')} and cannot be edited; {possible}.")


class InvalidChange(OrdersError):
    """`faults` has the same rows as a refused order: code, field, message, fix."""

    code = "invalid"

    def __init__(self, faults: Sequence[Mapping[str, Any]]) -> None:
        self.faults = list(faults)
        super().__init__("; ".join(str(fault["message"]) for fault in faults))


class UnknownScope(OrdersError):
    code = "unknown_scope"

    def __init__(self, scopes: Sequence[str], known: Collection[str]) -> None:
        self.scopes = list(scopes)
        super().__init__(f"There is no scope {', '.join(scopes)}; there are {', '.join(known)}.")
