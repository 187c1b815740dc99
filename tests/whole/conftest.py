"""The end of a session takes along what the rig keeps between tests."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def _worlds() -> Iterator[None]:
    yield
    import rig

    rig.forget_worlds()
