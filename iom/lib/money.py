"""Money is integer minor units and an ISO 4217 code; unit prices are Decimal. Never float."""

from decimal import ROUND_HALF_UP, Decimal

# ISO 4217 minor units; everything else that we know has 2.
MINOR_DIGITS = {
    "JPY": 0,
    "KRW": 0,
    "VND": 0,
    "CLP": 0,
    "ISK": 0,
    "XAF": 0,
    "XOF": 0,
    "BHD": 3,
    "JOD": 3,
    "KWD": 3,
    "OMR": 3,
    "TND": 3,
}
CURRENCIES = frozenset(MINOR_DIGITS) | frozenset(
    [
        "AED",
        "ARS",
        "AUD",
        "BGN",
        "BRL",
        "CAD",
        "CHF",
        "CNY",
        "COP",
        "CZK",
        "DKK",
        "EGP",
        "EUR",
        "GBP",
        "HKD",
        "HUF",
        "IDR",
        "ILS",
        "INR",
        "MAD",
        "MXN",
        "MYR",
        "NOK",
        "NZD",
        "PEN",
        "PHP",
        "PLN",
        "QAR",
        "RON",
        "RSD",
        "SAR",
        "SEK",
        "SGD",
        "THB",
        "TRY",
        "TWD",
        "UAH",
        "USD",
        "UYU",
        "ZAR",
    ]
)
LARGEST_MINOR = 10**15
HOUSE_CURRENCY = "USD"  # of a new amount until a person says another


def digits(currency: str) -> int:
    return MINOR_DIGITS.get(currency, 2)


def to_minor(amount: Decimal, currency: str) -> int:
    """Exact minor units of an amount; raises ValueError when it has more decimals than the currency."""
    scaled = amount.scaleb(digits(currency))
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{amount} has more decimals than {currency} allows ({digits(currency)})")
    return int(scaled)


def rounded_minor(amount: Decimal, currency: str) -> int:
    """Minor units of an amount, half up: for products such as price times quantity."""
    return int(amount.scaleb(digits(currency)).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def from_minor(minor: int, currency: str) -> Decimal:
    return Decimal(minor).scaleb(-digits(currency)) if digits(currency) else Decimal(minor)


def formatted(minor: int, currency: str) -> str:
    """`1,234.50 USD`."""
    return f"{from_minor(minor, currency):,.{digits(currency)}f} {currency}"
