"""One door to numba. Where it is not installed, kernels run as plain Python and give the same numbers, slower."""

import hashlib
import os
from pathlib import Path

HERE = Path(__file__).parent

try:
    if os.environ.get("IOM_OPTIMIZER_PURE"):
        raise ImportError
    from numba import config, njit

    COMPILED = True
except ImportError:
    COMPILED = False


def _cache() -> Path:
    """Compiled kernels are kept by what all sources say: numba itself looks at a kernel's own file, not at those it calls."""
    sources = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(HERE.glob("*.py"))))
    beside = HERE / "__pycache__"
    home = (
        beside if os.access(beside if beside.exists() else HERE, os.W_OK) else Path.home() / ".cache" / "iom"
    )
    return Path(os.environ.get("NUMBA_CACHE_DIR") or home) / f"kernels-{sources.hexdigest()[:16]}"


if COMPILED:
    config.CACHE_DIR = str(_cache())


def kernel(function):
    """Compile `function` where numba is there. No fast math: the order of additions stays as written."""
    return njit(cache=True, fastmath=False)(function) if COMPILED else function
