import pytest
from fulfillment_world import World


@pytest.fixture(autouse=True)
def nobody_listens(settings):
    """This floor works by itself; who hears of its events is tested where they live."""
    settings.IOM = {**settings.IOM, "ON_EVENTS": []}


@pytest.fixture
def world(db) -> World:
    return World()


@pytest.fixture
def shared_world(transactional_db) -> World:
    """For tests with threads, which see committed rows only."""
    return World()
