from django.urls import path

from providers.api import webhooks

urlpatterns = [
    path("webhooks/", webhooks.WebhooksView.as_view()),
    path("webhooks/<str:key>/", webhooks.OneWebhookView.as_view()),
]
