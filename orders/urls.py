from django.urls import path

from orders import views

urlpatterns = [
    path("orders/<int:pk>/orchestrate/", views.orchestrate, name="order-orchestrate"),
    path("orders/<int:pk>/hold/", views.hold, name="order-hold"),
    path("orders/<int:pk>/release/", views.release, name="order-release"),
    path("orders/<int:pk>/note/", views.note, name="order-note"),
]
