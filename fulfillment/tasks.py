"""Entry points of the queue; each drains until nothing is due and may come any number of times."""

from fulfillment.services import what_ifs


def work_what_ifs() -> int:
    return what_ifs.work()
