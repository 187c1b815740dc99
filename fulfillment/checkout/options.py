"""Plans of a cart as shipping options: what each parcel costs and emits, what the customer pays, when it comes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np

from fulfillment import rates
from fulfillment.calendars import at, local
from fulfillment.checkout.asking import Asked
from fulfillment.checkout.types import Cart, Option, ParcelPlan
from fulfillment.checkout.ways import Ways
from fulfillment.loading import Loaded
from fulfillment.optimizer import COMPONENTS, Solution
from fulfillment.rates import RateFactor

KEPT_MINUTES = 15
CARRIER = COMPONENTS.index("carrier")
Solved = tuple[Loaded, Solution]


@dataclass(frozen=True)
class Offers:
    """`ways` knows distances and dates."""

    cart: Cart
    asked: Asked
    ways: Ways
    factors: Sequence[RateFactor]

    def option(self, kind: str, solved: Sequence[Solved]) -> Option:
        """Of several, each brings other lines of the cart."""
        parcels = [self._parcel(*one, p) for one in solved for p in range(len(one[1].parcel_node))]
        parcels.sort(key=lambda parcel: (parcel.source, parcel.service, parcel.content))
        return Option((kind,), tuple(parcels), self._expiry({parcel.source_id for parcel in parcels}))

    def _parcel(self, loaded: Loaded, solution: Solution, p: int) -> ParcelPlan:
        mine = solution.alloc_parcel == p
        n, v = int(solution.parcel_node[p]), int(solution.parcel_service[p])
        node, service, days = loaded.nodes[n], loaded.services[v], self.ways.promise(n, v)
        places = [loaded.lines[row].line_id for row in solution.alloc_line[mine].tolist()]
        content = sorted(zip(places, solution.alloc_quantity[mine].tolist(), strict=True))
        km = float(self.ways.km[n])
        tonnes = sum(self.asked.products[line].grams * count for line, count in content) / 1e6
        return ParcelPlan(
            node["pk"], node["code"], service.carrier_code, service.code, service.name, tuple(content),
            int(solution.components[p, CARRIER]), self._price(service, node["type"], km, content), round(km, 1),
            round(service.grams_co2_per_parcel + service.grams_co2_per_tonne_km * tonnes * km),
            days.ship_on, days.deliver_on, days.expected_on,
        )  # fmt: skip

    def _price(self, service, source_type: str, km: float, content) -> int:
        """What the customer pays: lines that ship free do not weigh, and alone cost nothing."""
        charged = [
            (self.asked.products[n], units) for n, units in content if not self.cart.lines[n].free_shipping
        ]
        if not charged:
            return 0
        grams = sum(product.grams * units for product, units in charged)
        volume = sum(product.mm3 * units for product, units in charged)
        day = self.ways.loaded.known.now.date()
        live = rates.price(service.tariff, km=km, grams=grams, volume_mm3=volume, day=day)
        kind = "business" if self.cart.destination.is_business else "residential"
        factor = rates.factor_for(self.factors, source_type=source_type, address_type=kind)
        return rates.customer_price(factor, live.total_minor if live else None, grams)

    @cached_property
    def _now(self) -> datetime:
        return self.ways.loaded.known.now

    def _expiry(self, source_ids: set[int]) -> datetime:
        """A quarter of an hour, or until the first cutoff of a source that is in it."""
        found = self._now + timedelta(minutes=KEPT_MINUTES)
        for pk in source_ids:
            setup = self.ways.loaded.known.setups[pk]
            if setup.cutoff is not None:
                cutoff = at(local(self._now, setup.time_zone).date(), setup.cutoff, setup.time_zone)
                found = min(found, cutoff) if cutoff > self._now else found
        return found


def merged(options: Sequence[Option]) -> tuple[Option, ...]:
    """A way that is there already only gains a name; one without parcels is none."""
    found: list[Option] = []
    for option in options:
        same = next((n for n, known in enumerate(found) if known.parcels == option.parcels), None)
        if same is not None:
            found[same] = replace(found[same], kinds=(*found[same].kinds, *option.kinds))
        elif option.parcels:
            found.append(option)
    return tuple(found)


def components(solutions: Sequence[Solution]) -> dict[str, int]:
    """Cents by component of what is shipped, those that are not zero."""
    total = sum((one.components.sum(axis=0) for one in solutions), np.zeros(len(COMPONENTS), np.int64))
    found = dict(zip(COMPONENTS, total.tolist(), strict=True))
    found["overtime"] = sum(int(one.overtime_cents.sum()) for one in solutions)
    return {name: cents for name, cents in found.items() if cents}
