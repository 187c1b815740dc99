"""One line that grows on a terminal, a line every few seconds elsewhere."""

import sys
import time
from collections.abc import Mapping

WIDTH = 28
QUIET_SECONDS = 5.0


class Bar:
    def __init__(self, total: int) -> None:
        self.total, self.last = total, 0.0
        self.live = sys.stderr.isatty()

    def show(self, done: int, counts: Mapping[str, int], *, last: bool = False) -> None:
        if not self.live and not last and time.monotonic() - self.last < QUIET_SECONDS:
            return
        self.last = time.monotonic()
        full = WIDTH * min(done, self.total) // max(1, self.total)
        words = "  ".join(f"{name} {number}" for name, number in counts.items() if number)
        line = f"[{'#' * full}{'.' * (WIDTH - full)}] {done}/{self.total}  {words}"
        end = "\n" if last or not self.live else ""
        print(f"\r\x1b[K{line}" if self.live else line, end=end, file=sys.stderr, flush=True)
