"""Entry points of the queue; each drains until nothing is due and may come any number of times."""

from fulfillment.services import replanning


def replan() -> int:
    return replanning.work()
