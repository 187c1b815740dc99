"""A process that delivers is killed at the worst moments; the vendor's ledger says what happened."""

import os
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from django.conf import settings as house
from django.db import connection as database
from django.utils import timezone

from providers.models import ProviderRequest
from providers.services import outbox
from providers.services.outbox import RequestDraft

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]
DELIVER = "import django; django.setup(); from providers.services import outbox; outbox.deliver(1)"


def deliver_and_die(vendor, point: str) -> int:
    own = database.settings_dict
    url = f"postgres://{own['USER']}:{own['PASSWORD']}@{own['HOST'] or '127.0.0.1'}:{own['PORT'] or 5432}/{own['NAME']}"
    environment = {
        **os.environ, "DATABASE_URL": url, "IOM_KILLPOINT": point, "IOM_ALLOWED_PRIVATE_HOSTS": vendor.host, "IOM_ON_EVENTS": "",
        "DJANGO_SETTINGS_MODULE": "iom.settings", "NO_BOOTSTRAP": "1", "PYTHONPATH": str(house.BASE_DIR),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", DELIVER], env=environment, cwd=house.BASE_DIR, capture_output=True, timeout=120
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()[-2000:]


@pytest.mark.parametrize("uses_keys", [True, False])
@pytest.mark.parametrize(
    ("point", "done_before"), [("outbox_claimed", 0), ("outbox_after_call", 1), ("outbox_before_commit", 1)]
)
def test_one_effect_however_it_died(connect, vendor, point, done_before, uses_keys):
    """Without keys the vendor does it again: the control shows that it is the key that keeps it from that."""
    connection, vendor.uses_keys = connect(timeout_seconds=1), uses_keys
    outbox.enqueue([RequestDraft("k1", connection.pk, "webhook.event", {"client_key": "k1"}, "event", 1)])
    deliver_and_die(vendor, point)
    assert len(vendor.ledger) == done_before
    left = ProviderRequest.objects.get()
    assert (left.state, left.attempts) == ("sending", 1)
    assert left.lease_until - timezone.now() < timedelta(seconds=60)
    assert outbox.deliver(1) == 0, "nobody takes it while the lease holds"
    ProviderRequest.objects.update(
        due_at=timezone.now() - timedelta(seconds=1), lease_until=timezone.now() - timedelta(seconds=1)
    )
    assert outbox.deliver(1) == 1
    assert ProviderRequest.objects.get().state == "done"
    assert len(vendor.ledger) == (1 if uses_keys else done_before + 1)
