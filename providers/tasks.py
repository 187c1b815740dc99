"""Entry points of the queue; each drains until nothing is due and may come any number of times."""

from providers.services import inbox, outbox, pulling


def work_inbox() -> int:
    return inbox.work()


def deliver() -> int:
    return outbox.deliver()


def pull() -> int:
    """Look for what no message told us, and ring for what fell due meanwhile. The scheduler calls this."""
    pulling.ring_due()
    return pulling.pull_due()
