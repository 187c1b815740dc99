from django.db import models
from django.db.models import Q

from fulfillment.models.carrier import Carrier
from inventory.models import FulfillmentSource
from inventory.models.calendar import WEEKDAYS


class CarrierPickup(models.Model):
    """A carrier comes to a source at this local time of a weekday; as many as there are. Source: reference FRO-13."""

    source = models.ForeignKey(
        FulfillmentSource, on_delete=models.CASCADE, related_name="pickups", db_index=False
    )
    carrier = models.ForeignKey(Carrier, on_delete=models.CASCADE, related_name="pickups")
    weekday = models.PositiveSmallIntegerField(choices=WEEKDAYS)
    time = models.TimeField()

    class Meta:
        ordering = ["source", "carrier", "weekday", "time"]
        constraints = [
            models.UniqueConstraint(fields=["source", "carrier", "weekday", "time"], name="pickup_once"),
            models.CheckConstraint(condition=Q(weekday__lte=6), name="pickup_weekday"),
        ]

    def __str__(self) -> str:
        return f"{self.carrier} {self.get_weekday_display()} {self.time:%H:%M}"
