from importlib import import_module

from django.apps import AppConfig


class FulfillmentConfig(AppConfig):
    name = "fulfillment"

    def ready(self) -> None:
        from fulfillment import setup_tables
        from inventory.services import import_tables

        import_module("fulfillment.nearest")  # registers itself as the first planner
        import_tables.register(*(table.spec() for table in setup_tables.TABLES))
