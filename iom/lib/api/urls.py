"""Addresses under /api/v1/ that belong to no app: the OpenAPI document, its page, and the answer to all others."""

from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from iom.lib.api.views import NotFoundView

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("<path:rest>", NotFoundView.as_view()),
    path("", NotFoundView.as_view()),
]
