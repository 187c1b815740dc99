"""Amounts of money in rules: people write and read `5,000.00 USD`; a rule keeps what the column has, and the currency.

    {"field": "total_minor", "op": "greater", "value": 500000, "currency": "USD"}

Such a comparison is about orders in that currency; for an order in another one it is false, and what denies it is true, as
with a missing value. Without a currency (rules from before amounts had one) the column is compared whatever the currency.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from iom.lib.money import CURRENCIES, digits, formatted, from_minor, to_minor

ANY = "*"  # the builder's word for a comparison without a currency
PRICES = ("unit_price", "price")  # decimals; every other amount is a whole number of minor units
PLAIN = re.compile(r"-?\d+(\.\d+)?")
GROUPED = re.compile(r"-?\d{1,3}(,\d{3})+(\.\d+)?")  # a comma only where it parts thousands
PARTED = re.compile(r"\s*;\s*|,\s+|\s+and\s+")


def is_amount(name: Any) -> bool:
    return is_minor(name) or str(name).rpartition(".")[2] in PRICES


def is_minor(name: Any) -> bool:
    return str(name).endswith("_minor")


def label(name: str) -> str:
    """What people call the field: `order.total_minor` is `order.total`."""
    return name.removesuffix("_minor")


def column(name: str, known: Mapping[str, Any]) -> str:
    """The field that people mean by `total`; a name that is known, or that nobody knows, stays."""
    return f"{name}_minor" if name not in known and f"{name}_minor" in known else name


def words(name: str, value: Any, currency: str = "") -> str:
    """`5,000.00 USD`; without a currency the figure with its unit; what is no figure as it stands."""
    if isinstance(value, bool) or not (figure := _figure(value)).is_finite():
        return "…" if value is None else str(value)
    if not currency:
        return f"{figure:,f} minor units of any currency" if is_minor(name) else f"{figure:,f}"
    if is_minor(name):
        return formatted(int(figure), currency)
    return f"{_priced(figure, currency)} {currency}"


def written(name: str, value: Any, currency: str) -> str:
    """A constant as it stands in the form, the currency being chosen beside it."""
    if isinstance(value, list):
        return "; ".join(written(name, one, currency) for one in value)
    if (isinstance(value, str | bool | None) and is_minor(name)) or not _figure(value).is_finite():
        return "" if value is None else str(value)
    if not is_minor(name):
        return _priced(_figure(value), currency)
    return f"{from_minor(int(value), currency):,.{digits(currency)}f}"


def read(name: str, op: str, text: str, currency: str) -> tuple[Any, str]:
    """The constant and its currency; a code in the text goes before the chosen one. What cannot be read stays text."""
    if op in ("in", "not_in", "between"):
        found = [read(name, "", part, currency) for part in PARTED.split(text.strip()) if part]
        codes = list(dict.fromkeys(code for _, code in found))
        if len(codes) > 1:
            return text, currency
        return [value for value, _ in found], codes[0] if codes else currency
    figure, _, code = text.strip().rpartition(" ")
    if code.upper() in CURRENCIES and figure:
        return _read(name, figure, code.upper())
    return _read(name, text, currency)


def fault(name: str, value: Any, currency: str) -> str:
    """Why a constant is no amount in this currency; empty when it is one."""
    if not isinstance(value, str) or not is_minor(name):
        return ""
    if (figure := _plain(value)) and -_figure(figure).as_tuple().exponent > digits(currency):
        return f"{value} has more decimals than {currency} has ({digits(currency)})"
    return f"{value!r} is no amount; write it such as {from_minor(500000, currency):,.{digits(currency)}f}"


def _read(name: str, text: str, currency: str) -> tuple[Any, str]:
    if not (figure := _plain(text)):
        return text.strip(), currency
    if not is_minor(name):
        exact = Decimal(figure)
        return int(exact) if exact == exact.to_integral_value() else figure, currency
    try:
        return to_minor(Decimal(figure), currency), currency
    except ValueError:
        return text.strip(), currency


def _plain(text: str) -> str:
    squeezed = text.replace(" ", "")
    if GROUPED.fullmatch(squeezed):
        return squeezed.replace(",", "")
    return squeezed if PLAIN.fullmatch(squeezed) and len(squeezed) < 30 else ""


def _priced(figure: Decimal, currency: str) -> str:
    """A price may have more decimals than its currency, such as 0.0125 for a screw."""
    return f"{figure:,.{max(digits(currency), -figure.normalize().as_tuple().exponent)}f}"


def _figure(value: Any) -> Decimal:
    try:
        return Decimal(str(value))
    except ArithmeticError:
        return Decimal("NaN")
