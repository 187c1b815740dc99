"""Fulfillment optimization over arrays: no model, no query, no Django."""

from .arrays import UNLIMITED, ProblemError
from .explain import Candidate, candidates
from .freeze import replan_frozen
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
from .replan import replan
from .solution import Solution
from .solve import solve
from .threshold import Change, threshold

__all__ = [
    "COMPONENTS",
    "IN_LINES",
    "IN_PARCELS",
    "IN_UNITS",
    "KILOGRAM",
    "POUND",
    "UNLIMITED",
    "Candidate",
    "Change",
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
    "candidates",
    "replan",
    "replan_frozen",
    "solve",
    "threshold",
]
