"""Keys of a first look: made once, kept in `var/`, readable by the owner only. Real sites set them in the environment."""

import base64
import os
from pathlib import Path


def read_or_make(path: Path, *, size: int = 32) -> str:
    """The key kept at `path`, urlsafe base64 of `size` random bytes; made if there is none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _make(path, size)
    return path.read_text().strip()


def _make(path: Path, size: int) -> None:
    key = base64.urlsafe_b64encode(os.urandom(size))
    draft = path.with_suffix(f".{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_bytes(key)
    try:
        os.link(draft, path)  # two processes that start at once agree on one key
    except FileExistsError:
        pass
    finally:
        draft.unlink()
