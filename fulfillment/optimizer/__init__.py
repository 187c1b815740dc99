"""Fulfillment optimization over arrays: no model, no query, no Django."""

from .arrays import UNLIMITED, ProblemError
from .problem import (
    COMPONENTS,
    IN_LINES,
    IN_PARCELS,
    IN_UNITS,
    KILOGRAM,
    POUND,
    Exclusions,
    Extras,
    Lines,
    Nodes,
    Orders,
    Problem,
    Services,
    Skus,
    Stock,
)
from .solution import Solution
from .solve import solve

__all__ = [
    "COMPONENTS",
    "IN_LINES",
    "IN_PARCELS",
    "IN_UNITS",
    "KILOGRAM",
    "POUND",
    "UNLIMITED",
    "Exclusions",
    "Extras",
    "Lines",
    "Nodes",
    "Orders",
    "Problem",
    "ProblemError",
    "Services",
    "Skus",
    "Solution",
    "Stock",
    "solve",
]
