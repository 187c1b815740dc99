"""Carriers, calendars, pickups and what else seldom changes: read anew when one of their tables did, kept until then."""

from typing import NamedTuple

from fulfillment import models as of
from fulfillment import shipping_setup
from fulfillment.shipping_setup import ServiceSetup, SourceSetup
from inventory.models import CalendarDay, FulfillmentSource, WorkingCalendar, WorkingHours
from iom.lib.stamp import stamp

TABLES = tuple(
    model._meta.db_table
    for model in (
        of.Carrier, of.CarrierService, of.ZoneBand, of.Rate, of.Surcharge, of.TransitTime, of.Lateness, of.SourceService,
        of.CarrierPickup, WorkingCalendar, WorkingHours, CalendarDay, FulfillmentSource,
    )
)  # fmt: skip


class Setup(NamedTuple):
    """Shared by all who plan: nobody changes it."""

    services: tuple[ServiceSetup, ...]
    sources: dict[int, SourceSetup]


_kept: dict[tuple, Setup] = {}


def setup() -> Setup:
    """One query while nothing changed, else one for each table; always these where the database cannot tell."""
    key = stamp(TABLES)
    if key is not None and (found := _kept.get(key)):
        return found
    hours = shipping_setup.calendars_by_id()
    found = Setup(tuple(shipping_setup.services(hours)), shipping_setup.sources(hours))
    _kept.clear()
    if key is not None:
        _kept[key] = found
    return found
