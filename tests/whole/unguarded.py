"""`manage.py work` with one of its guards taken away: what the house would be without it. `rig.House(without=name)` starts it."""

import os
import sys


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "iom.settings"
    import django

    django.setup()
    GUARDS[sys.argv[1]]()
    from orchestration.supervisor.watch import Supervisor

    Supervisor().run()


def group_death() -> None:
    """A worker or monitor that dies is replaced, and that is all: the queue's own way."""
    from orchestration.supervisor.cluster import Sentinel

    del Sentinel.reincarnate


def death_with_parent() -> None:
    """Whoever loses its parent goes on."""
    from orchestration.supervisor import group, parent

    parent.die_with = group.die_with = lambda pid: None
    parent.die_in_every_fork = lambda: None


def probe() -> None:
    """Who is alive is taken to be at work, however long nothing was finished."""
    from orchestration.supervisor import watch

    watch.STILL_SECONDS = float("inf")


def patience() -> None:
    """No guard but its hurry: a standstill is seen after three seconds, so that a test need not wait for thirty."""
    from orchestration.supervisor import watch

    watch.STILL_SECONDS = 3.0


GUARDS = {
    "group_death": group_death,
    "death_with_parent": death_with_parent,
    "probe": probe,
    "patience": patience,
}

if __name__ == "__main__":
    main()
