"""An instance of the fulfillment benchmark in real tables: set up, taken in, sourced, reserved and committed as orders are.

How the terms of the instance become ours:
    node       a source: its capacity in units, overtime, handling; days of processing as minutes; its share of refusals is
               the mean over its stock, as a source has one for all its goods
    service    a carrier's service: rates and transit by zone, zones by whole kilometers, lateness by slack
    order      the parcels that it may have, whether it goes out whole and whether its lines may be split are a strategy each;
               an order with one line that may not be split splits none. What lateness and a refusal cost is a share of the goods
    line       a unit that is not sent costs 38 % of its price and 9.00, as the generator says it
    stock      counted on hand; what a unit is worth there later is its future sale value
"""

import csv
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from fulfillment.models import (
    Carrier,
    CarrierService,
    FulfillmentLine,
    FutureSale,
    Lateness,
    Rate,
    SourceService,
    SourcingDecision,
    SourcingRun,
    Strategy,
    StrategyConstraint,
    TransitTime,
    ZoneBand,
)
from fulfillment.selectors import demands_of
from fulfillment.services.optimizing import optimize_lines
from fulfillment.services.sourcing import plan_lines
from inventory.models import FulfillmentSource, Product
from inventory.services.check import ledger_differences
from inventory.services.stock import set_on_hand
from inventory.types import StockLevel
from orders import definitions
from orders.models import Channel, Order, OrderLine
from orders.services.intake import create_orders
from orders.types import LineDraft, OrderDraft, Party

ACTOR = "benchmark"
KILOMETERS = 1.609344
TYPES = {"dc": "warehouse", "3pl": "3pl", "store": "store"}
A_CHUNK = 1_000
COLUMNS = ("order", "ship", "node", "service", "line", "qty")


def plan_through_tables(directory: str | Path, mode: str) -> tuple[list[tuple], dict[str, Any]]:
    """Rows of the plan, by COLUMNS, and figures. Everything is rolled back: the database is as it was."""
    with transaction.atomic():
        instance = _Instance(Path(directory))
        instance.take_in()
        figures = instance.source(mode)
        rows = list(instance.rows())
        transaction.set_rollback(True)
    return rows, figures


class _Instance:
    def __init__(self, directory: Path) -> None:
        self.head = json.loads((directory / "instance.json").read_text())
        lines = (directory / "orders.jsonl").read_text().splitlines()
        self.orders = [json.loads(line) for line in lines if line.strip()]
        with (directory / "stock.csv").open() as file:
            self.stock = list(csv.DictReader(file))
        self.now = timezone.now()

    # -- in -----------------------------------------------------------------------------------------------------

    def take_in(self) -> None:
        definitions.sync()
        Strategy.objects.filter(is_default=True).update(is_default=False)
        self.sources = {row.code: row for row in FulfillmentSource.objects.bulk_create(self._sources())}
        self.products = {row.sku: row for row in Product.objects.bulk_create(self._products())}
        self._services()
        self._stock()
        self._strategies()
        self._orders()

    def _sources(self) -> Iterator[FulfillmentSource]:
        refused = defaultdict(list)
        for row in self.stock:
            refused[row["node"]].append(int(row["short_ppm"]))
        for node in self.head["nodes"]:
            ppm = refused[node["id"]]
            yield FulfillmentSource(
                code=_own(node["id"]), name=node["id"], type=TYPES[node["type"]], latitude=node["lat"],
                longitude=node["lon"], active=node["active"], processing_minutes=1440 * node["proc_days"],
                handling_parcel_minor=node["pick_cents"], handling_unit_minor=node["unit_cents"],
                capacity_unit="units", capacity_per_day=node["cap_base"],
                overtime_per_day=node["cap_max"] - node["cap_base"], overtime_minor=node["overtime_cents"],
                reject_rate_ppm=round(sum(ppm) / len(ppm)) if ppm else 0,
            )  # fmt: skip

    def _products(self) -> Iterator[Product]:
        for row in self.head["skus"]:
            yield Product(
                sku=_own(row["id"]), name=row["id"], weight_grams=row["grams"], ship_class=row["cls"],
                price=Decimal(row["price_cents"]) / 100,
            )  # fmt: skip

    def _services(self) -> None:
        carrier = Carrier.objects.create(code=_own("carrier").lower(), name="Benchmark")
        limits = [*(round(miles * KILOMETERS) for miles in self.head["zone_miles"]), None]
        self.services = {}
        for row in self.head["services"]:
            far = row["max_miles"]
            service = CarrierService.objects.create(
                carrier=carrier, code=_own(row["id"]).lower(), name=row["id"], weight_unit="lb",
                max_weight_units=row["max_lb"], max_distance_km=None if far is None else int(far * KILOMETERS),
            )  # fmt: skip
            self.services[service.code] = row["id"]
            for place, limit in enumerate(limits):
                zone, base, step = place + 2, row["base"][place], row["per_lb"][place]
                ZoneBand.objects.create(service=service, zone=zone, up_to_km=limit)
                Rate.objects.create(service=service, zone=zone, base_minor=base, per_unit_minor=step)
                TransitTime.objects.create(service=service, zone=zone, days=row["transit"][place])
            for slack, ppm in row["late_ppm"].items():
                Lateness.objects.create(service=service, slack_days=int(slack), late_ppm=ppm)
            offering = [node["id"] for node in self.head["nodes"] if row["id"] in node["services"]]
            SourceService.objects.bulk_create(
                SourceService(source=self.sources[_own(node)], service=service) for node in offering
            )

    def _stock(self) -> None:
        rows = [
            (self.products[_own(r["sku"])], self.sources[_own(r["node"])], int(r["atp"]), int(r["opp_cents"]))
            for r in self.stock
        ]
        for start in range(0, len(rows), 20 * A_CHUNK):
            levels = [StockLevel(p.pk, s.pk, units) for p, s, units, _ in rows[start : start + 20 * A_CHUNK]]
            set_on_hand(levels, actor=ACTOR, reason="count")
        FutureSale.objects.bulk_create(
            (FutureSale(product=p, source=s, minor=cents) for p, s, _, cents in rows if cents),
            batch_size=10 * A_CHUNK,
        )

    def _strategies(self) -> None:
        for most, whole, split in sorted({_rules(order) for order in self.orders}):
            strategy = Strategy.objects.create(
                key=_strategy((most, whole, split)), name=_strategy((most, whole, split)), objective="cost",
                max_sources_per_order=most, split_lines=split, unfilled_minor=900, unfilled_percent=38,
            )  # fmt: skip
            hazmat = {"ship_class": "hazmat", "source_type": "store"}
            kinds = [("class_not_from", hazmat), *([("restrict_partial", {})] if whole else [])]
            for kind, parameters in kinds:
                StrategyConstraint.objects.create(
                    strategy=strategy, kind=kind, name=kind, is_hard=True, parameters=parameters
                )

    def _orders(self) -> None:
        channel = Channel.objects.get_or_create(key="benchmark", defaults={"name": "Benchmark"})[0]
        self.numbers: dict[int, Mapping] = {}
        for start in range(0, len(self.orders), A_CHUNK):
            chunk = self.orders[start : start + A_CHUNK]
            taken = create_orders([self._draft(order, channel.pk) for order in chunk], actor=ACTOR)
            if refused := [one.errors for one in taken if one.result != "created"]:
                raise ValueError(f"An order was not taken: {refused[0]}")
            self.numbers |= {one.order_id: order for one, order in zip(taken, chunk, strict=True)}
        by_strategy = defaultdict(list)
        for pk, order in self.numbers.items():
            by_strategy[_strategy(_rules(order))].append(pk)
        for key, ids in by_strategy.items():  # as an assignment of the flow would
            Order.objects.filter(pk__in=ids).update(strategy=key)

    def _draft(self, order: Mapping, channel: int) -> OrderDraft:
        place = Party("Benchmark", "1 Main St", "", "Town", "TX", "75001", "US", order["lat"], order["lon"])
        lines = tuple(
            LineDraft(
                row["no"],
                _own(row["sku"]),
                row["qty"],
                self.products[_own(row["sku"])].price.quantize(Decimal("0.01")),
            )
            for row in order["lines"]
        )
        return OrderDraft(
            channel, _own(order["id"]), "USD", self.now, place, lines,
            promised_at=self.now + timedelta(days=order["days_left"]),
        )  # fmt: skip

    # -- and out ------------------------------------------------------------------------------------------------

    def source(self, mode: str) -> dict[str, Any]:
        """Plan without a lock, then commit, as a due batch does."""
        lines = OrderLine.objects.filter(order_id__in=self.numbers).values_list("pk", flat=True)
        demands = demands_of(list(lines))
        planned = plan_lines(demands, actor=ACTOR, effort=mode)
        Order.objects.only("id", "state", "state_reason").lock(self.numbers)
        found = optimize_lines(demands, actor=ACTOR, planned=planned, cause="batch")
        runs = SourcingRun.objects.filter(actor=ACTOR)
        return {
            "mode": mode,
            "orders": len(self.numbers),
            "sourced_lines": sum(one.outcome == "sourced" for one in found.values()),
            "lines": len(found),
            "solve_ms": sum(runs.values_list("solve_ms", flat=True)),
            "ledger_differences": len(ledger_differences()),
        }

    def rows(self) -> Iterator[tuple]:
        """What the fulfillment orders are to bring; a parcel is an order's lines from one source by one service."""
        services = self._services_chosen()
        lines = FulfillmentLine.objects.filter(fulfillment_order__order_id__in=self.numbers)
        parcels: dict[int, dict[tuple[str, str], int]] = defaultdict(dict)
        fields = (
            "fulfillment_order__order_id", "fulfillment_order__source__code", "order_line_id",
            "order_line__line_number", "quantity",
        )  # fmt: skip
        for order, code, line, number, units in lines.order_by("pk").values_list(*fields):
            service = services[line, code]
            ship = parcels[order].setdefault((code, service), len(parcels[order]) + 1)
            yield self.numbers[order]["id"], ship, _theirs(code), self.services[service], number, units

    def _services_chosen(self) -> dict[tuple[int, str], str]:
        rows = SourcingDecision.objects.filter(order_id__in=self.numbers).order_by("pk")
        return {
            (line, one["code"]): one["service"]
            for line, chosen in rows.values_list("order_line_id", "chosen")
            for one in chosen
        }


def _rules(order: Mapping) -> tuple[int, bool, bool]:
    """(parcels at most, goes out whole, lines may be split)."""
    several = [line["split"] for line in order["lines"] if line["qty"] > 1]
    return order["max_ship"], order["complete"], bool(several) and all(several)


def _strategy(rules: Sequence) -> str:
    most, whole, split = rules
    return f"bench-{most}{'-whole' if whole else ''}{'-split' if split else ''}"


def _own(name: str) -> str:
    """A name of the instance as ours, apart from everything that is in the tables already."""
    return f"BENCH-{name}"


def _theirs(code: str) -> str:
    return code.removeprefix("BENCH-")
