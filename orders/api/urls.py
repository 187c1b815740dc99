from django.urls import path

from orders.api.views import actions, events, me, orders

urlpatterns = [
    path("me/", me.MeView.as_view()),
    path("events/", events.EventsView.as_view()),
    path("orders/", orders.OrdersView.as_view()),
    path("orders/hold/", actions.BulkHoldView.as_view()),
    path("orders/release/", actions.BulkReleaseView.as_view()),
    path("orders/orchestrate/", actions.BulkOrchestrateView.as_view()),
    path("orders/<str:order>/", orders.OrderView.as_view()),
    path("orders/<str:order>/hold/", actions.HoldView.as_view()),
    path("orders/<str:order>/release/", actions.ReleaseView.as_view()),
    path("orders/<str:order>/orchestrate/", actions.OrchestrateView.as_view()),
    path("orders/<str:order>/notes/", actions.NotesView.as_view()),
]
