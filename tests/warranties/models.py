from django.db import models

from iom.lib.stateful import Stateful


class Warranty(Stateful):
    order = models.ForeignKey("orders.Order", on_delete=models.CASCADE, related_name="warranties")
    serial = models.CharField(max_length=20)
    months = models.PositiveSmallIntegerField(default=12)
    price_minor = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3, default="USD")

    def __str__(self) -> str:
        return self.serial
