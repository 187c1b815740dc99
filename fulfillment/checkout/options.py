"""Plans of a cart as shipping options: what each parcel costs and emits, what the customer pays, when it comes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from fulfillment import rates
from fulfillment.calendars import at, local
from fulfillment.checkout.asking import Asked
from fulfillment.checkout.types import Cart, Option, ParcelPlan
from fulfillment.checkout.ways import Ways
from fulfillment.loading import Facts, Loaded
from fulfillment.optimizer import COMPONENTS, Solution
from fulfillment.rates import RateFactor

KEPT_MINUTES = 15
Solved = tuple[Loaded, Solution]


@dataclass(frozen=True)
class Offers:
    """`ways` know distances and dates, by line."""

    cart: Cart
    asked: Asked
    ways: Mapping[int, Ways]
    known: Facts
    factors: Sequence[RateFactor]

    def option(self, kind: str, solved: Sequence[Solved]) -> Option:
        """Of several, each brings other lines of the cart."""
        parcels = [self._parcel(*one, p) for one in solved for p in range(len(one[1].parcel_node))]
        parcels.sort(key=lambda parcel: (parcel.source, parcel.service, parcel.content))
        return Option((kind,), tuple(parcels), self._expiry({parcel.source_id for parcel in parcels}))

    def _parcel(self, loaded: Loaded, solution: Solution, p: int) -> ParcelPlan:
        mine = solution.alloc_parcel == p
        n, v = int(solution.parcel_node[p]), int(solution.parcel_service[p])
        places = [loaded.lines[row].line_id for row in solution.alloc_line[mine].tolist()]
        ways = self.ways[places[0]]
        node, service, days = loaded.nodes[n], loaded.services[v], ways.promise(n, v)
        content = sorted(zip(places, solution.alloc_quantity[mine].tolist(), strict=True))
        km = float(ways.km[n])
        tonnes = sum(self.asked.products[line].grams * count for line, count in content) / 1e6
        return ParcelPlan(
            node["pk"], node["code"], service.carrier_code, service.code, service.name, tuple(content),
            self._cost(service, km, content), self._price(service, node["type"], km, content), round(km, 1),
            round(service.grams_co2_per_parcel + service.grams_co2_per_tonne_km * tonnes * km),
            days.ship_on, days.deliver_on, days.expected_on,
        )  # fmt: skip

    def _cost(self, service, km: float, content) -> int:
        """What the carrier takes, whatever the way was chosen by."""
        live = self._rate(service, km, [(self.asked.products[n], units) for n, units in content])
        return live.total_minor if live and service.carries else 0

    def _rate(self, service, km: float, goods) -> rates.Price | None:
        grams = sum(product.grams * units for product, units in goods)
        volume = sum(product.mm3 * units for product, units in goods)
        return rates.price(service.tariff, km=km, grams=grams, volume_mm3=volume, day=self.known.now.date())

    def _price(self, service, source_type: str, km: float, content) -> int:
        """What the customer pays: lines that ship free do not weigh, and alone cost nothing.

        Nor does what needs no carrier.
        """
        charged = [
            (self.asked.products[n], units) for n, units in content if not self.cart.lines[n].free_shipping
        ]
        if not charged or not service.carries:
            return 0
        grams = sum(product.grams * units for product, units in charged)
        live = self._rate(service, km, charged)
        kind = "business" if self.cart.destination.is_business else "residential"
        factor = rates.factor_for(self.factors, source_type=source_type, address_type=kind)
        return rates.customer_price(factor, live.total_minor if live else None, grams)

    def _expiry(self, source_ids: set[int]) -> datetime:
        """A quarter of an hour, or until the first cutoff of a source that is in it."""
        found = self.known.now + timedelta(minutes=KEPT_MINUTES)
        for pk in source_ids:
            setup = self.known.setups[pk]
            if setup.cutoff is not None:
                cutoff = at(local(self.known.now, setup.time_zone).date(), setup.cutoff, setup.time_zone)
                found = min(found, cutoff) if cutoff > self.known.now else found
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
