from orders.types import Raised


def on_events(events: list[tuple[int, Raised]]) -> None:
    """Filled in by this floor."""
