"""How much memory a worker has at most through many orders: 50,000 by default, arriving in portions, all by one process."""

from typing import Any

from orchestration.benchmark.engine import Rounds, prepare

PORTION = 2_500


def measure(url: str, *, orders: int = 50_000, rounds: int = 1) -> dict[str, Any]:
    """`memory.worker_peak_mb` is the resident set at its highest; `memory.first_mb` after the first portion."""
    prepare(stock_factor=10_000)
    size = min(PORTION, orders)
    state = Rounds(url, size)
    peaks = state.portions(-(-orders // size))
    return {
        "memory.orders": size * len(peaks),
        "memory.worker_peak_mb": round(max(peaks), 1),
        "memory.first_mb": round(peaks[0], 1),
    }
