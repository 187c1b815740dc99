from importlib import import_module

from django.apps import AppConfig


class FulfillmentConfig(AppConfig):
    name = "fulfillment"

    def ready(self) -> None:
        import_module("fulfillment.nearest")  # registers itself as the first planner
