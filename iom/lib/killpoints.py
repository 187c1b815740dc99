"""Named places where a test lets a process die, as if the power went. Nothing happens unless the environment arms one.

`IOM_KILLPOINT=after_call` kills at the first pass; `IOM_KILLPOINT=after_call:7` at the seventh.
"""

import os
import signal

_armed, _, _count = os.environ.get("IOM_KILLPOINT", "").partition(":")
_left = int(_count or 1)


def killpoint(name: str) -> None:
    global _left
    if name != _armed:
        return
    _left -= 1
    if _left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
