"""Addresses of the whole house; apps are named by dotted path only."""

from django.contrib import admin
from django.urls import include, path

from iom.lib import health

admin.autodiscover()

urlpatterns = [
    path("admin/", admin.site.urls),
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("api/v1/", include("inventory.api.urls")),
    path("api/v1/", include("orders.api.urls")),
    path("api/v1/", include("fulfillment.api.urls")),
    path("api/v1/", include("providers.api.urls")),
    path("api/v1/", include("iom.lib.api.urls")),
    path("hooks/", include("providers.urls")),
    path("", include("orders.urls")),
    path("", include("fulfillment.urls")),
    path("", include("orchestration.urls")),
    path("", include("insights.urls")),
]
