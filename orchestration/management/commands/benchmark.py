"""`manage.py benchmark [ingest|engine|engine-complex|policies|memory|reserve|pages|plan|sourcing] --json`: rates beside a floor of the same run, on a scratch database."""

import json

from django.core.checks import Tags
from django.core.management.base import BaseCommand

from orchestration.benchmark import rig
from orchestration.benchmark.workers import JOBS, serve

PARTS = ("ingest", "engine", "engine-complex", "policies", "reserve", "pages")
ON_DEMAND = ("memory", "sourcing", "plan")  # take minutes


class Command(BaseCommand):
    help = (
        "Measure speed beside a floor on the configured PostgreSQL server, in a scratch database of its own."
    )
    requires_system_checks = [Tags.security]  # the others would load every page, in each of its processes

    def add_arguments(self, parser) -> None:
        parser.add_argument(
            "parts",
            nargs="*",
            choices=[*PARTS, *ON_DEMAND, []],
            help=f"default: all but {', '.join(ON_DEMAND)}",
        )
        parser.add_argument("--json", action="store_true", help="print one flat object")
        parser.add_argument("--rounds", type=int, default=5)
        parser.add_argument(
            "--orders",
            type=int,
            help="orders a round (engine, ingest), carts a round (plan) or in the database (pages)",
        )
        parser.add_argument("--worker", choices=sorted(JOBS), help="be one of the benchmark's own processes")

    def handle(self, *args, **options) -> None:
        if options["worker"]:
            return serve(options["worker"])
        figures: dict = {}
        for part in options["parts"] or PARTS:
            self.stderr.write(f"measuring {part} …")
            figures |= self._measure(part, options)
        self.stdout.write(json.dumps(figures) if options["json"] else _table(figures))

    def _measure(self, part: str, options: dict) -> dict:
        from importlib import import_module

        rounds = 1 if part == "sourcing" else options["rounds"]
        arguments = {"rounds": rounds} | ({"orders": options["orders"]} if options["orders"] else {})
        with rig.scratch_database() as url:
            return import_module(f"orchestration.benchmark.{part.replace('-', '_')}").measure(
                url, **arguments
            )


def _table(figures: dict) -> str:
    width = max(map(len, figures))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in figures.items())
