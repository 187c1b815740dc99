"""Orders, or a cart, as the optimizer's arrays: every table, constraint, rate and date rule is read here and nowhere else.

`facts` reads what all strategies of a batch share, `load` makes the arrays of orders that are planned together.
"""

from fulfillment.loading.arrays import load
from fulfillment.loading.facts import Facts, facts
from fulfillment.loading.loaded import Loaded, planned_together

__all__ = ["Facts", "Loaded", "facts", "load", "planned_together"]
