"""What can go wrong in fulfillment. Each carries data, a code for machines and a sentence for people."""

from collections.abc import Collection, Sequence


class FulfillmentError(Exception):
    code = "fulfillment_error"
    status = 400


class FulfillmentOrderNotFound(FulfillmentError):
    code = "fulfillment_order_not_found"
    status = 404

    def __init__(self, ids: Collection[int]) -> None:
        self.ids = sorted(ids)
        super().__init__(f"There is no fulfillment order with id {', '.join(map(str, self.ids[:10]))}.")


class UnknownStrategy(FulfillmentError):
    code = "unknown_strategy"

    def __init__(self, keys: Collection[str]) -> None:
        self.keys = sorted(keys)
        super().__init__(f"There is no sourcing strategy named {', '.join(self.keys)}.")


class StrategyNotPublishable(FulfillmentError):
    """`findings` are the errors of the check, each with a code and a sentence."""

    code = "strategy_not_publishable"
    status = 409

    def __init__(self, findings: Sequence) -> None:
        self.findings = list(findings)
        super().__init__(
            " ".join(f"{one.where}: {one.sentence}" if one.where else one.sentence for one in findings)
        )


class WhatIfRefused(FulfillmentError):
    """`field` names what was asked for wrongly; empty: the strategy or its orders."""

    code = "what_if_refused"
    status = 422

    def __init__(self, sentence: str, *, field: str = "") -> None:
        self.field = field
        super().__init__(sentence)


class UnknownProduct(FulfillmentError):
    code = "unknown_product"
    status = 422

    def __init__(self, skus: Sequence[str]) -> None:
        self.skus = sorted(set(skus))
        super().__init__(f"There is no active product with SKU {', '.join(self.skus[:10])}.")


class UnknownSource(FulfillmentError):
    code = "unknown_source"
    status = 422

    def __init__(self, codes: Sequence[str]) -> None:
        self.codes = sorted(set(codes))
        super().__init__(
            f"There is no active store with code {', '.join(self.codes[:10]) or '(none given)'}."
        )


class DestinationNotLocated(FulfillmentError):
    code = "destination_not_located"
    status = 422

    def __init__(self) -> None:
        super().__init__(
            "The destination has no coordinates, and no source stands in its country to measure from."
        )


class UnknownStatus(FulfillmentError):
    code = "unknown_status"

    def __init__(self, statuses: Collection[str]) -> None:
        self.statuses = sorted(statuses)
        super().__init__(f"There is no fulfillment status named {', '.join(self.statuses)}.")


class UnknownReason(FulfillmentError):
    code = "unknown_reason"

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(f"There is no reason to reject named {kind}.")


class FulfillmentLineNotFound(FulfillmentError):
    code = "fulfillment_line_not_found"
    status = 404

    def __init__(self, ids: Collection[int]) -> None:
        self.ids = sorted(ids)
        super().__init__(f"There is no fulfillment line with id {', '.join(map(str, self.ids[:10]))}.")
