from django.apps import AppConfig

from iom.lib.database import bind_as_array


class OrdersConfig(AppConfig):
    name = "orders"

    def ready(self) -> None:
        from inventory.services import import_tables
        from orders import tables

        bind_as_array(self.get_model("Order")._meta.get_field("external_id"))
        import_tables.register(*tables.TABLES)
