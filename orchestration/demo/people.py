"""Who buys and who works in the demo: 200 customers with addresses, one login per role."""

import random

from orchestration.demo.places import SOURCES

CUSTOMERS = 200
FIRST = [
    "Ada",
    "Ben",
    "Cleo",
    "Dan",
    "Eva",
    "Finn",
    "Gia",
    "Hugo",
    "Iris",
    "Jon",
    "Kira",
    "Leo",
    "Mia",
    "Noah",
    "Olga",
    "Paul",
    "Rosa",
    "Sam",
    "Tess",
    "Vic",
]
LAST = [
    "Abbott",
    "Baker",
    "Chan",
    "Diaz",
    "Evans",
    "Flores",
    "Gray",
    "Hill",
    "Ito",
    "Jones",
    "Klein",
    "Lopez",
    "Moss",
    "Nolan",
    "Ortiz",
    "Price",
]
TRADE = ("Outfitters", "Supply", "Interiors", "Trading", "Stores")
STREETS = ("Main St", "Oak Ave", "Mill Rd", "Park Blvd", "Lake Dr", "Hill St", "Market St")
# login: (role, full name)
LOGINS = {
    "order.desk": ("Order desk", "Olive Desk"),
    "fulfillment": ("Fulfillment", "Frank Packer"),
    "designer": ("Flow designer", "Dora Draw"),
    "publisher": ("Publisher", "Pam Publish"),
    "integrator": ("Integrator", "Ivan Connect"),
    "manager": ("Manager", "Mona Lead"),
    "auditor": ("Auditor", "Abe Check"),
    "admin": ("Admin", "Alma Admin"),
}


def customer_rows(seed: int = 11) -> list[tuple[dict, dict]]:
    """(customer fields, address fields); every eighth is a company, two are on credit hold."""
    chance = random.Random(seed)  # noqa: S311
    return [_row(chance, number) for number in range(1, CUSTOMERS + 1)]


def _row(chance: random.Random, number: int) -> tuple[dict, dict]:
    first, last = FIRST[number % len(FIRST)], LAST[number // len(FIRST) % len(LAST)]
    is_account = number % 8 == 0
    name = f"{last} {TRADE[number % len(TRADE)]}" if is_account else f"{first} {last}"
    customer = {
        "code": f"C-{number:04d}",
        "kind": "account" if is_account else "contact",
        "name": name,
        "email": f"{first}.{last}.{number}@example.com".lower(),
        "phone": f"+1 555 {number:04d}",
        "group": "wholesale" if is_account else "retail",
        "credit_hold": number in (64, 128),
    }
    return customer, address(chance, name)


def address(chance: random.Random, name: str) -> dict:
    """Somewhere within some forty kilometers of a city of the demo world."""
    _, _, city, region, postal_code, latitude, longitude, _ = chance.choice(SOURCES)
    return {
        "name": name,
        "line1": f"{chance.randint(1, 999)} {chance.choice(STREETS)}",
        "city": city,
        "region": region,
        "postal_code": postal_code,
        "country": "US",
        "latitude": round(latitude + chance.uniform(-0.4, 0.4), 4),
        "longitude": round(longitude + chance.uniform(-0.4, 0.4), 4),
    }
