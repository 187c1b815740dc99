"""Between our fulfillment orders and their invoices. Pure functions."""

from collections.abc import Mapping
from typing import Any

from providers.errors import ProviderGarbage


def invoice_of(key: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    return {"client_key": key, **payload}


def receipt_of(key: str, found: Any, asked: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What we keep of their invoice.

    Raises ProviderGarbage if number, amount or currency is missing, or it is not what was `asked` for.
    """
    if not isinstance(found, dict) or not found.get("number") or not isinstance(found["number"], str):
        raise ProviderGarbage("The answer names no invoice number.")
    if found.get("client_key", key) != key:
        raise ProviderGarbage("The answer is about another invoice.")
    amount, currency = found.get("amount_minor"), found.get("currency")
    if type(amount) is not int or not 0 <= amount <= 10**15:
        raise ProviderGarbage("The amount of the invoice is not possible.")
    if not isinstance(currency, str) or len(currency) != 3:
        raise ProviderGarbage("The invoice has no currency.")
    if asked is not None and (amount, currency) != (asked["amount_minor"], asked["currency"]):
        raise ProviderGarbage(
            f"The invoice is about {amount} {currency}, not {asked['amount_minor']} {asked['currency']}."
        )
    issued = str(found.get("issued_at") or "")[:40]
    return {"number": found["number"][:60], "amount_minor": amount, "currency": currency, "issued_at": issued}
