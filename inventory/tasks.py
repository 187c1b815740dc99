"""Entry points of the queue; each drains until nothing is due and may come any number of times."""

from inventory.services import import_jobs


def work_imports() -> int:
    return import_jobs.work()
