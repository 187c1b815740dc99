from django.urls import path

from fulfillment import views

urlpatterns = [
    path("fulfillment/", views.worklist, name="worklist"),
    path("fulfillment/act/", views.act, name="worklist-act"),
    path("orders/<int:pk>/why-not/", views.why_not_page, name="order-why-not"),
    path("orders/<int:pk>/cancel/", views.cancel_order, name="order-cancel"),
]
