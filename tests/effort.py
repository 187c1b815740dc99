"""How many examples a generated test tries: a quarter on every run, all of them with `IOM_NIGHTLY=1`."""

import os

FEWEST = 20


def examples(many: int) -> int:
    return many if os.environ.get("IOM_NIGHTLY") else max(FEWEST, many // 4)
