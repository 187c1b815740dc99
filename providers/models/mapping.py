from django.db import models

from providers.models.connection import ProviderConnection


class ExternalId(models.Model):
    """Which of our records a provider's own id means, both ways, one row a connection, kind and id."""

    connection = models.ForeignKey(ProviderConnection, on_delete=models.CASCADE, related_name="external_ids")
    entity = models.CharField(max_length=30)
    record_id = models.BigIntegerField()
    external_id = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "entity", "external_id"], name="external_id_once"),
        ]
        indexes = [models.Index(fields=["connection", "entity", "record_id"], name="external_id_by_record")]

    def __str__(self) -> str:
        return f"{self.entity} {self.external_id}"
