from django.urls import path, re_path

from fulfillment.api import cancellation, decisions, plan, what_ifs, work

urlpatterns = [
    path("orders/cancel/", cancellation.BulkCancelView.as_view()),
    path("orders/<str:order>/cancel/", cancellation.CancelView.as_view()),
    path("orders/<str:order>/decision/", decisions.DecisionView.as_view()),
    re_path(r"^fulfillment/plan/?$", plan.PlanView.as_view()),
    path("fulfillment-orders/", work.FulfillmentOrdersView.as_view()),
    path("fulfillment-orders/accept/", work.AcceptView.as_view()),
    path("fulfillment-orders/pick/", work.PickView.as_view()),
    path("fulfillment-orders/pack/", work.PackView.as_view()),
    path("fulfillment-orders/ship/", work.ShipView.as_view()),
    path("fulfillment-orders/reject/", work.RejectView.as_view()),
    path("fulfillment-lines/reject/", work.RejectLinesView.as_view()),
    path("fulfillment-orders/<str:work>/", work.FulfillmentOrderView.as_view()),
    path("what-ifs/", what_ifs.WhatIfsView.as_view()),
    path("what-ifs/<str:what_if>/", what_ifs.OneWhatIfView.as_view()),
    path("what-ifs/<str:what_if>/stop/", what_ifs.StopView.as_view()),
    path("shipments/", work.ShipmentsView.as_view()),
]
