from django.db import models

from orders.models.order import Order


class Tag(models.Model):
    name = models.CharField(max_length=40, unique=True)
    color = models.CharField(max_length=20, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class OrderTag(models.Model):
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="order_tags")
    tag = models.ForeignKey(Tag, on_delete=models.CASCADE, related_name="order_tags")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["order", "tag"], name="tag_once_per_order")]

    def __str__(self) -> str:
        return str(self.tag_id)
