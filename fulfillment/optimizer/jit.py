"""One door to numba. Where it is not installed, kernels run as plain Python and give the same numbers, slower."""

import os

try:
    if os.environ.get("IOM_OPTIMIZER_PURE"):
        raise ImportError
    from numba import njit

    COMPILED = True
except ImportError:
    COMPILED = False


def kernel(function):
    """Compile `function` where numba is there. No fast math: the order of additions stays as written."""
    return njit(cache=True, fastmath=False)(function) if COMPILED else function
