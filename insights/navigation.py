"""The menu of the admin site: task areas, each shown to those who may use something in it."""


def sidebar(request) -> list[dict]:
    return []


def environment_badge(request) -> list[str]:
    from django.conf import settings

    return [settings.ENVIRONMENT, {"live": "danger", "test": "warning"}.get(settings.ENVIRONMENT, "info")]
