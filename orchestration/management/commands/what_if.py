"""`manage.py what_if STRATEGY`: try its draft, or what works now, on the orders of the last days."""

from django.core.management.base import BaseCommand, CommandError

from fulfillment.errors import WhatIfRefused
from fulfillment.models import Strategy, WhatIf
from fulfillment.services import what_ifs
from fulfillment.what_if import words
from orders.numbers import number_of


class Command(BaseCommand):
    help = "What a strategy would have cost on orders that were sourced already; writes the result and nothing else."

    def add_arguments(self, parser) -> None:
        parser.add_argument("strategy", help="Its key")
        parser.add_argument("--against", choices=WhatIf.Against.values, default=WhatIf.Against.DRAFT.value)
        parser.add_argument("--days", type=int, default=7)
        parser.add_argument("--orders", type=int, default=1000, help="At most so many, the newest")

    def handle(self, *, strategy: str, against: str, days: int, orders: int, **options) -> None:
        found = Strategy.objects.filter(key=strategy).first()
        if found is None:
            raise CommandError(f"There is no strategy with key {strategy}.")
        try:
            job = what_ifs.start(
                found.pk, against=against, days=days, most_orders=orders, actor="command:what_if"
            )
        except WhatIfRefused as error:
            raise CommandError(str(error)) from error
        while job.state == WhatIf.State.RUNNING:
            what_ifs.work(2)
            job.refresh_from_db()
            self.stderr.write(f"{job.percent} %")
        if job.state != WhatIf.State.DONE:
            raise CommandError(job.error or "It was stopped.")
        self._tell(job)

    def _tell(self, job: WhatIf) -> None:
        result = job.result
        lines = [words.headline(job.against, result), words.changed_words(result), words.check_words(result)]
        for row in [words.total_row(result), *words.cost_rows(result)]:
            lines.append(
                f"  {row.name:<20}{row.before / 100:>14,.2f}{row.after / 100:>14,.2f}{row.delta / 100:>+12,.2f}"
            )
        lines += [
            f"  {number_of(row['order'])} {row['delta'] / 100:+,.2f}: {row['why']}"
            for row in result["top"][:10]
        ]
        self.stdout.write("\n".join([*lines, *words.notes(result)]))
