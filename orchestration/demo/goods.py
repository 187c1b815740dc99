"""What the demo company sells: 500 products in ten categories, the same in every world."""

import random
from decimal import Decimal

PRODUCTS = 500
# What trade buyers order by the hundred: the two large distribution centers always keep it.
TRADE = ("Kitchen", "Stationery", "Toys")
# Nobody has these at the beginning: who orders them waits.
SOLD_OUT = ("FUR-013", "ELC-037", "OUT-029", "GRD-041")
# Our stock lists have these at the 3PLs, who will not handle them: what is sent there comes back and goes elsewhere.
REFUSED = ("FUR-003", "FUR-007", "KIT-011", "TOY-021", "LGT-017", "BED-009")
# category: (prefix, lowest and highest price, lightest and heaviest in grams, nouns)
CATEGORIES = {
    "Kitchen": ("KIT", (9, 120), (200, 4000), ("Skillet", "Kettle", "Knife", "Bowl", "Mug")),
    "Bedding": ("BED", (25, 240), (600, 5000), ("Duvet", "Sheet set", "Pillow", "Blanket", "Throw")),
    "Lighting": ("LGT", (15, 300), (300, 6000), ("Table lamp", "Pendant", "Floor lamp", "Lantern", "Bulb")),
    "Furniture": (
        "FUR",
        (60, 900),
        (4000, 40000),
        ("Chair", "Side table", "Bookcase", "Stool", "Bench"),
    ),
    "Outdoor": ("OUT", (12, 400), (500, 15000), ("Tent", "Hammock", "Cooler", "Lounger", "Parasol")),
    "Fitness": ("FIT", (8, 250), (300, 20000), ("Dumbbell", "Mat", "Kettlebell", "Rope", "Band")),
    "Toys": ("TOY", (6, 90), (100, 3000), ("Puzzle", "Block set", "Kite", "Train", "Game")),
    "Stationery": ("STA", (2, 60), (50, 1500), ("Notebook", "Pen", "Planner", "Folder", "Marker set")),
    "Garden": ("GRD", (5, 180), (200, 9000), ("Planter", "Trowel", "Hose", "Shears", "Watering can")),
    "Electronics": ("ELC", (12, 600), (80, 5000), ("Speaker", "Charger", "Headset", "Clock", "Camera")),
}
FINISHES = ("Ash", "Birch", "Cedar", "Coral", "Fern", "Flint", "Linen", "Ochre", "Slate", "Teal")


def product_rows(seed: int = 7) -> list[dict]:
    """Fields of each product; SKUs run `KIT-001` to `ELC-050`."""
    chance = random.Random(seed)  # noqa: S311
    each = PRODUCTS // len(CATEGORIES)
    return [_row(chance, category, number) for category in CATEGORIES for number in range(1, each + 1)]


def _row(chance: random.Random, category: str, number: int) -> dict:
    prefix, price, weight, nouns = CATEGORIES[category]
    grams = chance.randint(*weight)
    side = max(20, round((grams * 2.5) ** (1 / 3) * 13))  # some 0.2 kg a liter, as packed
    return {
        "sku": f"{prefix}-{number:03d}",
        "name": f"{nouns[number % len(nouns)]} {FINISHES[number // len(nouns) % len(FINISHES)]}",
        "category": category,
        "price": Decimal(chance.randint(price[0] * 100, price[1] * 100)) / 100,
        "weight_grams": grams,
        "ship_class": _ship_class(category, grams),
        "length_mm": round(side * chance.uniform(1.0, 1.6)),
        "width_mm": side,
        "height_mm": round(side * chance.uniform(0.4, 1.0)),
    }


def _ship_class(category: str, grams: int) -> str:
    if grams > 20_000:
        return "bulky"
    return "fragile" if category == "Lighting" else "std"
