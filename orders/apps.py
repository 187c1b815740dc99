from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed
from django.apps.registry import Apps
from django.db.models.signals import post_migrate

from iom.lib.database import bind_as_array


class OrdersConfig(AppConfig):
    name = "orders"
    verbose_name = "Order management"

    def ready(self) -> None:
        from inventory.services import import_tables
        from orders import tables

        bind_as_array(self.get_model("Order")._meta.get_field("external_id"))
        import_tables.register(*tables.TABLES)
        post_migrate.connect(write_definitions, sender=self)


def write_definitions(*, apps: Apps = installed, **_: Any) -> None:
    """Whoever migrates has the events, states and reasons that this version ships, with a demo world or without.

    `apps` is as far as the migrations went, back to where there are no tables yet.
    """
    from orders import definitions

    try:
        definitions.sync(apps)
    except LookupError:
        return
