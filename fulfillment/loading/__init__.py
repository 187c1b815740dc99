"""Orders, or a cart, as the optimizer's arrays: every table, constraint, rate and date rule is read here and nowhere else.

`facts` reads what all strategies of a batch share, `load` makes the arrays of orders that are planned together.
"""

from fulfillment.loading.arrays import Loaded, load, planned_together
from fulfillment.loading.facts import Facts, facts

__all__ = ["Facts", "Loaded", "facts", "load", "planned_together"]
