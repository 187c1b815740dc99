import json

from django.core.management.base import BaseCommand

from orchestration.services.invariants import check_all


class Command(BaseCommand):
    help = "I1 to I10: nothing lost, doubled, oversold or stuck. Exit code 1 if something is."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--json", action="store_true")

    def handle(self, **options) -> None:
        findings = check_all()
        if options["json"]:
            self.stdout.write(json.dumps({finding.id: finding.count for finding in findings}))
        else:
            for finding in findings:
                mark = self.style.ERROR("BROKEN") if finding.count else self.style.SUCCESS("holds ")
                self.stdout.write(
                    f"{finding.id:<4} {mark} {finding.promise}: {finding.count}  {finding.examples}"
                )
        if any(finding.count for finding in findings):
            raise SystemExit(1)
