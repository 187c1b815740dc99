from django.apps import AppConfig


class WarrantiesConfig(AppConfig):
    name = "tests.warranties"
    label = "warranties"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from orchestration.entities import Entity, register
        from tests.warranties import actions  # noqa: F401 - it registers

        register(
            Entity(
                self.get_model("Warranty"),
                "Warranty",
                "warranties",
                "serial months price_minor currency state order.priority order.ship_to_country",
                settable=("months", "serial", "price_minor"),
                ended=("void",),
            )
        )
