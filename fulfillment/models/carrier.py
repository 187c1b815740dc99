"""Carriers, what their services cost and how long they take. Amounts are minor units of the service's currency."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce

from inventory.models import FulfillmentSource, WorkingCalendar


class Carrier(models.Model):
    """Who brings parcels. Without a calendar it drives Monday to Friday."""

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    calendar = models.ForeignKey(
        WorkingCalendar, null=True, blank=True, on_delete=models.PROTECT, related_name="carriers"
    )
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name


class CarrierService(models.Model):
    """One way of a carrier to bring a parcel. `code` is ours and unique; the carrier's own words are beside it.

    Billable weight counts whole `weight_unit`s, of the actual or the dimensional weight, whichever is more.
    """

    class WeightUnit(models.TextChoices):
        POUND = "lb", "Pound"
        KILOGRAM = "kg", "Kilogram"
        GRAM = "g", "Gram"

    carrier = models.ForeignKey(Carrier, on_delete=models.PROTECT, related_name="services")
    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    carrier_code = models.CharField(max_length=40, blank=True, help_text="As the carrier's system calls it")
    method_code = models.CharField(max_length=40, blank=True)
    service_type = models.CharField(max_length=40, blank=True)
    currency = models.CharField(max_length=3, default="USD")
    weight_unit = models.CharField(max_length=2, choices=WeightUnit.choices, default=WeightUnit.POUND)
    max_weight_units = models.PositiveIntegerField(null=True, blank=True)
    max_distance_km = models.PositiveIntegerField(null=True, blank=True)
    dim_divisor = models.PositiveIntegerField(
        null=True, blank=True, help_text="Cubic centimeters that count as one weight unit; empty: weight only"
    )
    delivers_saturday = models.BooleanField(default=False)
    grams_co2_per_parcel = models.PositiveIntegerField(default=0)
    grams_co2_per_tonne_km = models.PositiveIntegerField(default=0)
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["carrier__code", "code"]

    def __str__(self) -> str:
        return self.name


class ZoneBand(models.Model):
    """A zone of a service: everything up to this distance that no smaller zone took. Empty: all that is farther."""

    service = models.ForeignKey(
        CarrierService, on_delete=models.CASCADE, related_name="zones", db_index=False
    )
    zone = models.PositiveSmallIntegerField()
    up_to_km = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["service", "zone"]
        constraints = [
            models.UniqueConstraint(fields=["service", "zone"], name="zone_once"),
            models.UniqueConstraint("service", Coalesce("up_to_km", -1), name="zone_distance_once"),
        ]

    def __str__(self) -> str:
        return f"zone {self.zone}"


class Rate(models.Model):
    """Price of a parcel from this weight on: the largest step that is not above the billable weight counts.

    price = the larger of `minimum_minor` and base + per unit x (billable units - from units); surcharges come on top.
    """

    service = models.ForeignKey(
        CarrierService, on_delete=models.CASCADE, related_name="rates", db_index=False
    )
    zone = models.PositiveSmallIntegerField()
    from_units = models.PositiveIntegerField(default=1)
    base_minor = models.PositiveIntegerField()
    per_unit_minor = models.PositiveIntegerField(default=0)
    minimum_minor = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["service", "zone", "from_units"]
        constraints = [
            models.UniqueConstraint(fields=["service", "zone", "from_units"], name="rate_step_once"),
            models.CheckConstraint(condition=Q(from_units__gte=1), name="rate_from_one_unit"),
        ]

    def __str__(self) -> str:
        return f"zone {self.zone} from {self.from_units}"


class Surcharge(models.Model):
    """What comes on top of the rate: a fixed amount, or a percentage of the rate with the fixed ones (fuel)."""

    class Kind(models.TextChoices):
        FIXED = "fixed", "Fixed amount"
        PERCENT = "percent", "Percent"

    service = models.ForeignKey(CarrierService, on_delete=models.CASCADE, related_name="surcharges")
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.FIXED)
    amount_minor = models.PositiveIntegerField(default=0)
    percent = models.DecimalField(max_digits=6, decimal_places=3, default=0)
    zone = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Empty: every zone")
    from_units = models.PositiveIntegerField(default=1, help_text="Counts from this billable weight on")
    valid_from = models.DateField(null=True, blank=True)
    valid_until = models.DateField(null=True, blank=True)
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["service", "name"]
        constraints = [
            models.UniqueConstraint(
                "service", "name", Coalesce("zone", -1), "from_units", name="surcharge_once"
            ),
            models.CheckConstraint(condition=Q(percent__gte=0), name="surcharge_percent_not_negative"),
        ]

    def __str__(self) -> str:
        return self.name


class TransitTime(models.Model):
    """Days on the road of a zone: what the carrier says, and what was observed as [[days, count], …]."""

    service = models.ForeignKey(
        CarrierService, on_delete=models.CASCADE, related_name="transit_times", db_index=False
    )
    zone = models.PositiveSmallIntegerField()
    days = models.PositiveSmallIntegerField(help_text="Working days of the carrier, as it states them")
    observed = models.JSONField(
        default=list, blank=True, help_text="[[days, parcels], …]; empty: as the carrier states"
    )

    class Meta:
        ordering = ["service", "zone"]
        constraints = [models.UniqueConstraint(fields=["service", "zone"], name="transit_once")]

    def __str__(self) -> str:
        return f"{self.days} days in zone {self.zone}"


class Lateness(models.Model):
    """How many of a million parcels come late with so many days to spare (slack -2 to 3, the ends are open)."""

    SLACKS = range(-2, 4)

    service = models.ForeignKey(
        CarrierService, on_delete=models.CASCADE, related_name="lateness", db_index=False
    )
    slack_days = models.SmallIntegerField()
    late_ppm = models.PositiveIntegerField()

    class Meta:
        ordering = ["service", "slack_days"]
        verbose_name_plural = "lateness"
        constraints = [
            models.UniqueConstraint(fields=["service", "slack_days"], name="lateness_once"),
            models.CheckConstraint(condition=Q(slack_days__range=(-2, 3)), name="lateness_slack_within"),
            models.CheckConstraint(condition=Q(late_ppm__lte=1_000_000), name="lateness_ppm_within"),
        ]

    def __str__(self) -> str:
        return f"{self.late_ppm} ppm at slack {self.slack_days}"


class SourceService(models.Model):
    """A service that a source offers, with a cutoff of its own where the carrier wants it earlier."""

    source = models.ForeignKey(
        FulfillmentSource, on_delete=models.CASCADE, related_name="services", db_index=False
    )
    service = models.ForeignKey(CarrierService, on_delete=models.CASCADE, related_name="sources")
    cutoff_time = models.TimeField(null=True, blank=True, help_text="Empty: the source's own cutoff")
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["source", "service"]
        constraints = [models.UniqueConstraint(fields=["source", "service"], name="source_service_once")]

    def __str__(self) -> str:
        return f"{self.service} from {self.source}"
