"""F5: a provider that never answers. What others do goes on as before once the breaker knows, and in time before."""

import pytest
from rig import House

from providers.services.lanes import PATIENCE

pytestmark = [pytest.mark.processes, pytest.mark.postgres]
# The median and the slowest twentieth of what billing was asked, from the request to its answer.
WAITED = """
SELECT extract(epoch FROM percentile_disc(0.95) WITHIN GROUP (ORDER BY done_at - created_at))::float
 FROM providers_providerrequest WHERE action = 'billing.invoice' AND state = 'done' AND id > %s
"""
NOISE = 1.0
NEWEST = "SELECT coalesce(max(id), 0) FROM providers_providerrequest"
DOWN = "SELECT count(*) FROM providers_connectiongate g JOIN providers_providerconnection c ON c.id = g.connection_id"
OURS_ARE_OVER = """
SELECT count(*) FROM orders_order o WHERE NOT EXISTS (SELECT 1 FROM fulfillment_fulfillmentorder f
 JOIN inventory_fulfillmentsource s ON s.id = f.source_id WHERE f.order_id = o.id AND s.type = '3pl')
 AND completed_at IS NULL AND NOT EXISTS (SELECT 1 FROM orders_hold h WHERE h.order_id = o.id)
"""


def test_a_silent_provider_does_not_slow_the_others(tmp_path, capsys):
    with House(tmp_path) as house:
        calm = batch(house, 60)
        house.call("/weather", {"silent": ["threepl"]})
        first = batch(house, 60)
        house.wait_until(lambda: house.ask(f"{DOWN} WHERE c.key = 'threepl' AND g.health = 'down'") == 1, 90,
                         what="the breaker knows")  # fmt: skip
        after = batch(house, 60)
        with capsys.disabled():
            print(
                f"\nbilling p95: calm {calm:.2f} s, as the silence begins {first:.2f} s, later {after:.2f} s"
            )
        # A tenth, and besides what two cores make of noise and, at first, a worker's patience with a call.
        assert after <= calm * 1.1 + NOISE
        assert first <= calm * 1.1 + NOISE + PATIENCE
        house.call("/weather", {})
        house.tell("UPDATE providers_connectiongate SET closed_until = NULL")
        house.wait_until(lambda: house.is_over(180), 120, what="the silent one speaks again and all ends")
        house.judge(180)


def batch(house: House, orders: int) -> float:
    known, newest = house.ask("SELECT count(*) FROM orders_order"), house.ask(NEWEST)
    house.receive(orders)
    house.wait_until(
        lambda: house.ask("SELECT count(*) FROM orders_order") == known + orders, 60, what="all are in"
    )
    house.wait_until(lambda: house.ask(OURS_ARE_OVER) == 0, 90, what="all that need no 3PL have their end")
    return house.ask(WAITED, newest)
