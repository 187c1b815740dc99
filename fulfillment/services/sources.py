"""Sources that are switched on and off; others hear of it in the same transaction."""

from collections.abc import Collection

from django.utils import timezone

from fulfillment.services.replanning import sources_off
from inventory.models import FulfillmentSource
from iom.lib import lock_order
from orders.services import events
from orders.types import Outcome, Raised


@lock_order.unit
def set_active(source_ids: Collection[int], *, active: bool, actor: str) -> Outcome:
    """Switch sources on or off; the next plan sees it, and what an off one has not been sent yet is planned again.

    Those that are so already stay as they are, silently.
    """
    rows = FulfillmentSource.objects.filter(pk__in=source_ids).order_by("pk").select_for_update(no_key=True)
    changed = [source for source in rows if source.active != active]
    ids = [source.pk for source in changed]
    FulfillmentSource.objects.filter(pk__in=ids).update(active=active, updated_at=timezone.now())
    kind = f"fulfillment_source.{'activated' if active else 'deactivated'}"
    told = [Raised(kind, "fulfillment_source", source.pk, None, {"code": source.code}) for source in changed]
    events.record(told, actor=actor)
    if not active and ids:
        sources_off(ids, actor=actor)
    return Outcome(changed=ids)
