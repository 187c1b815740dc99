"""Column generation over patterns, then a program in whole numbers over the columns found.

Source: fulfillment-optimization 1.6 C. Price epochs give first prices and first columns. The restricted master gives
prices that fit the columns; a sweep halfway between these and the best so far gives new columns and a bound, until
bound and master meet. Orders placed at the prices and regrouped are the plan that the residual program starts from.
"""

import numpy as np

from .master import Master, OutOfWork
from .patterns import Patterns
from .plan import Plan, plan_at_prices, settle
from .prices import Prices, bound_of, is_late, run_epochs, usual_cost
from .regroup import regroup
from .residual import choose_patterns
from .sweep import Sweep

EPOCHS, ROUNDS = 24, 14
TIGHT = 1e-4  # master and bound have met
DEAR = 1e-4  # of the usual cost: stock whose price is higher is in the master from the start
NEAR, FEW, MANY = (
    1.0,
    7_500,
    0.75,
)  # patterns to choose from: how near (of the usual cost), and how many by orders
SLACK, LARGE = (
    4e-4,
    10_000,
)  # of the bound: what the residual program need not find in a batch of so many orders
MASTER_STEPS = 100_000
AROUND, OFTEN, OFF = (
    9000,
    20,
    0.2,
)  # sweeps for more columns: many where orders are few; how far off the prices
PASSES, MORE = 2, 1500  # of regrouping, and more where orders are few


def plan_deeply(sweep: Sweep, seed: int, start: Prices | None = None) -> tuple[Plan, Prices, float]:
    """A plan, the prices of what is scarce in it, and what no plan can be below."""
    columns = Columns(sweep, start)
    columns.generate()
    prices, gains = columns.best, columns.chosen.gain
    plan = plan_at_prices(sweep.table, prices, gains)
    regroup(sweep.table, prices, gains, plan, PASSES + MORE // len(gains), seed)
    columns.look_around(min(OFTEN, AROUND // len(gains)), seed)
    columns.improve(plan, seed)
    settle(sweep.table, prices, plan)
    return plan, prices, columns.bound


class Columns:
    """The search for columns of one batch; `best` prices, what they prove and what orders choose there."""

    def __init__(self, sweep: Sweep, start: Prices | None = None) -> None:
        self.table, self.sweep, self.patterns = sweep.table, sweep, Patterns(sweep)
        self.patterns.add_nothing()
        self.best = self._first_prices(start)
        self.bound, self.chosen = bound_of(sweep, self.best)
        self.patterns.add(self.chosen.count, self.chosen.column)

    def _first_prices(self, start: Prices | None) -> Prices:
        late = []
        for epoch, prices, chosen in run_epochs(self.sweep, EPOCHS, start):
            if is_late(epoch, EPOCHS):
                late.append(prices)
                self.patterns.add(chosen.count, chosen.column)
        return Prices(*(np.mean(side, axis=0) for side in zip(*late, strict=True)))

    def generate(self) -> None:
        """Until no column is missing, or the work is spent: any prices give a valid bound."""
        dear = np.flatnonzero(self.best.stock > DEAR * usual_cost(self.table))
        master = Master(self.table, self.patterns, dear, MASTER_STEPS)
        try:
            for _ in range(ROUNDS):
                cost, prices = master.solve()
                if cost - self.bound <= TIGHT * abs(self.bound):
                    return
                self._try(_between(self.best, prices))
        except OutOfWork:
            return

    def _try(self, prices: Prices) -> None:
        bound, chosen = bound_of(self.sweep, prices)
        self.patterns.add(chosen.count, chosen.column)
        if bound > self.bound:
            self.best, self.bound, self.chosen = prices, bound, chosen

    def look_around(self, sweeps: int, seed: int) -> None:
        """More columns: what orders choose at prices a little off the best."""
        random = np.random.default_rng([seed, 83])
        for _ in range(sweeps):
            stock, node = (side * random.uniform(1 - OFF, 1 + OFF, len(side)) for side in self.best)
            chosen = self.sweep.best(stock, node, rough=True)
            self.patterns.add(chosen.count, chosen.column)

    def improve(self, plan: Plan, seed: int) -> None:
        """Make a plan cheaper with the columns found."""
        self.patterns.add(plan.count, plan.column)
        reduced = self.patterns.reduced_cost(self.best)
        near = reduced <= min(NEAR * usual_cost(self.table), _limit(reduced, len(plan.count)))
        slack = max(0.5, SLACK * abs(self.bound) * min(1.0, len(plan.count) / LARGE))
        choose_patterns(self.table, self.patterns, plan, near, slack=slack, seed=seed)


def _limit(reduced: np.ndarray, orders: int) -> float:
    """The reduced cost up to which there are not too many patterns that are no order's best."""
    others, most = reduced[reduced > 0], max(FEW, int(MANY * orders))
    return float(np.partition(others, most)[most]) if len(others) > most else np.inf


def _between(one: Prices, other: Prices) -> Prices:
    return Prices((one.stock + other.stock) / 2, (one.node + other.node) / 2)
