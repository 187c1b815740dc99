"""`manage.py plan_instance DIR --mode fast|deep --out PLAN.csv`: plan an instance of the fulfillment benchmark."""

import csv
import json
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from fulfillment.optimizer import ProblemError, solve
from fulfillment.optimizer.instance import read_instance, write_plan
from fulfillment.optimizer.solve import MODES


class Command(BaseCommand):
    help = "Plans a benchmark instance (instance.json, stock.csv, orders.jsonl) and writes the plan as CSV."

    def add_arguments(self, parser) -> None:
        parser.add_argument("directory")
        parser.add_argument("--mode", choices=MODES, default="fast")
        parser.add_argument(
            "--out", required=True, help="where the plan goes: order,ship,node,service,line,qty"
        )
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument(
            "--through", choices=("arrays", "database"), default="arrays",
            help="database: set up, take in, source, reserve and commit in real tables, then roll all of it back",
        )  # fmt: skip

    def handle(self, *, directory: str, mode: str, out: str, seed: int, through: str, **options) -> None:
        if through == "database":
            return self._through_tables(directory, mode, out)
        try:
            instance = read_instance(directory)
        except (OSError, LookupError, ValueError, TypeError, ProblemError) as error:
            raise CommandError(f"{directory} holds no instance that can be read: {error}") from error
        solution = solve(instance.problem, mode, seed=seed)
        write_plan(out, instance, solution)
        self.stdout.write(json.dumps(_summary(solution)))

    def _through_tables(self, directory: str, mode: str, out: str) -> None:
        from orchestration.benchmark.instance_tables import COLUMNS, plan_through_tables

        try:
            rows, figures = plan_through_tables(directory, mode)
        except (OSError, LookupError, ValueError, TypeError) as error:
            raise CommandError(f"{directory} holds no instance that can be read: {error}") from error
        with Path(out).open("w", newline="") as file:
            csv.writer(file).writerows([COLUMNS, *rows])
        self.stdout.write(json.dumps(figures))


def _summary(solution) -> dict:
    orders = max(1, solution.sizes["orders"])
    return {
        "mode": solution.mode,
        "cost_cents": solution.total_cents,
        "lower_bound_cents": solution.lower_bound,
        "gap_pct": None if solution.gap is None else round(100 * solution.gap, 4),
        "seconds": round(solution.seconds, 3),
        "ms_per_order": round(1000 * solution.seconds / orders, 4),
        "by_component": solution.by_component(),
        "unfilled_units": int(solution.unfilled_quantity.sum()),
        **solution.sizes,
    }
