"""What the cost planner needs beside the small world: a carrier with rates by zone, offered by every source."""

from fulfillment.models import (
    Carrier,
    CarrierService,
    Lateness,
    Rate,
    SourceService,
    Strategy,
    TransitTime,
    ZoneBand,
)
from inventory.models import FulfillmentSource

BANDS = ((1, 250), (2, 1000), (3, None))


def offer(*, base=(700, 900, 1200), per_unit=30, code="ground") -> CarrierService:
    carrier = Carrier.objects.get_or_create(code="road", defaults={"name": "Road"})[0]
    service = CarrierService.objects.create(carrier=carrier, code=code, name=code, max_weight_units=70)
    for (zone, limit), cents in zip(BANDS, base, strict=True):
        ZoneBand.objects.create(service=service, zone=zone, up_to_km=limit)
        Rate.objects.create(service=service, zone=zone, base_minor=cents, per_unit_minor=per_unit)
        TransitTime.objects.create(service=service, zone=zone, days=zone)
    Lateness.objects.create(service=service, slack_days=-1, late_ppm=900_000)
    for source in FulfillmentSource.objects.all():
        SourceService.objects.create(source=source, service=service)
    return service


def cost_strategy(**fields) -> Strategy:
    values = {"key": "cost", "name": "Cost", "objective": "cost", "is_default": True} | fields
    return Strategy.objects.create(**values)
