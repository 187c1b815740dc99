import os

from django.core.checks import Tags
from django.core.management.base import BaseCommand

from orchestration.supervisor.parent import die_with
from orchestration.supervisor.web import PARENT


class Command(BaseCommand):
    help = "The background workers, under a supervisor that treats them as one failure unit."
    requires_system_checks = [Tags.security]  # the others would load every page

    def add_arguments(self, parser) -> None:
        parser.add_argument(
            "--cluster", action="store_true", help="Be the cluster itself (the supervisor does it)"
        )

    def handle(self, *, cluster: bool, **options) -> None:
        if starter := os.environ.pop(PARENT, ""):
            die_with(int(starter))
        if cluster:
            from orchestration.supervisor.cluster import run
        else:
            from orchestration.supervisor.watch import Supervisor

            run = Supervisor().run
        run()
