"""The garbage collector and processes that live long."""

import gc


def settle() -> None:
    """Call when all is loaded: what is there stays, so the collector never walks through it again.

    A full collection otherwise takes a tenth of a second each time, and in forks copies every page that they share.
    """
    gc.collect()
    gc.freeze()
