from django.apps import AppConfig

from iom.lib.database import bind_as_array, bind_ids_as_arrays


class InventoryConfig(AppConfig):
    name = "inventory"

    def ready(self) -> None:
        from inventory import tables
        from inventory.services import import_tables

        bind_ids_as_arrays()  # here because this is the lowest app; it holds for every floor
        bind_as_array(self.get_model("Product")._meta.get_field("sku"))
        import_tables.register(*tables.TABLES)
