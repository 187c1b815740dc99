"""`manage.py demo`: the whole house on this machine, with a world outside to trade with."""

import json
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from orchestration.demo import wiring
from orchestration.demo.people import LOGINS
from orchestration.demo.processes import Plan, Processes, free_port, is_free, raise_on_end
from orchestration.demo.trial import Trial
from orchestration.demo.world import load_logins, load_world
from orders.models import Order


class Command(BaseCommand):
    help = "Migrate, load a demo world, start sandbox, web and workers; Ctrl-C ends everything."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="Where the web pages are")
        parser.add_argument("--rate", type=float, help="Orders a second; 1 unless --orders is given")
        parser.add_argument("--orders", type=int, default=0, help="So many orders at once, then look")
        parser.add_argument("--exit", action="store_true", help="End when each order has its end")
        parser.add_argument("--json", action="store_true", help="The figures as one JSON object")
        parser.add_argument("--faults", action="store_true", help="The world outside misbehaves")
        parser.add_argument("--seed", type=int, default=1)

    def handle(self, *, port: int, **options) -> None:
        raise_on_end()
        if not is_free(port):
            raise CommandError(f"Port {port} is taken; choose another with --port.")
        processes = self._prepare(port, options)
        try:
            processes.start()
            if options["orders"]:
                self._try(processes, options)
            if not options["exit"]:
                self._welcome(processes.plan)
                self._watch(processes)
        except KeyboardInterrupt:
            self.stderr.write("\nending…")
        finally:
            processes.end()

    def _prepare(self, port: int, options: dict[str, Any]) -> Processes:
        self._say(f"database: {connection.vendor}; migrating and loading the demo world …")
        call_command("migrate", verbosity=0)
        load_world()
        keys = wiring.sandbox_file("demo_keys.json")
        self.kept = wiring.credentials(keys)
        load_logins(self.kept["passwords"])
        plan = Plan(
            port=port,
            sandbox_port=free_port(),
            config=wiring.sandbox_file(),
            ledger=wiring.sandbox_file(
                f"outside-{connection.settings_dict['NAME'].rpartition('/')[2]}.sqlite3"
            ),
            rate=0 if options["orders"] else 1.0 if options["rate"] is None else options["rate"],
            pace=0.05 if options["exit"] else 2.0,
            faults=options["faults"],
            seed=options["seed"],
            workers=2 if connection.vendor == "sqlite" else 4,
        )
        if not Order.objects.exists():  # a new database begins a new history, outside too
            for path in plan.ledger.parent.glob(f"{plan.ledger.name}*"):
                path.unlink()
        wiring.connect(self.kept, plan.sandbox_url)
        outside = wiring.api_keys(self.kept, keys)
        wiring.keep(plan.config, wiring.sandbox_config(self.kept, plan.url, outside))
        return Processes(plan, output=Path(settings.VAR_DIR) / "demo.log")

    def _try(self, processes: Processes, options: dict[str, Any]) -> None:
        trial = Trial(processes, options["orders"], options["rate"] or 0.0)
        result, faults = trial.run()
        if options["json"]:
            self.stdout.write(json.dumps(result))
        else:
            self._table(result, trial.figures.held_by_type())
        for fault in faults:
            self.stderr.write(self.style.ERROR(f"does not add up: {fault}"))
        if faults and options["exit"]:
            processes.end()
            raise SystemExit(1)

    def _table(self, result: dict[str, Any], held: dict[str, int]) -> None:
        for name, value in result.items():
            note = (
                "  (" + ", ".join(f"{k} {n}" for k, n in held.items()) + ")"
                if name == "held" and held
                else ""
            )
            self.stdout.write(f"{name:>14}  {value}{note}")

    def _welcome(self, plan: Plan) -> None:
        self._say(f"\nIOM is at {plan.url}/   (log: {settings.VAR_DIR}/demo.log)\n")
        rows = [("demo", "everything"), *((login, role) for login, (role, _) in LOGINS.items())]
        for login, role in rows:
            self._say(f"  {login:<12} {self.kept['passwords'][login]:<22} {role}")
        self._say(f"\n  API key      {self.kept['trial_key']}")
        self._say("\nOrders arrive now. Ctrl-C ends everything; started again, it goes on where it was.")

    def _watch(self, processes: Processes) -> None:
        while True:
            for name in processes.keep():
                self._say(f"{name} died and was started again")
            time.sleep(1)

    def _say(self, text: str) -> None:
        self.stderr.write(text)
