from django.db import models

from orders.models.order import Order


class OrderSplit(models.Model):
    """A child that took over the lines of one split group; its parent is closed with the reason `split`."""

    parent = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="splits", db_index=False)
    child = models.OneToOneField(Order, on_delete=models.PROTECT, related_name="split_from")
    group = models.CharField(max_length=40, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["parent", "group"], name="order_split_once")]

    def __str__(self) -> str:
        return f"{self.parent_id} {self.group}"
