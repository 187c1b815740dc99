from django.urls import path

from inventory.api import positions, products, reservations

urlpatterns = [
    path("products/", products.ProductsView.as_view()),
    path("products/<str:sku>/", products.ProductView.as_view()),
    path("sources/", products.SourcesView.as_view()),
    path("sources/<str:code>/", products.SourceView.as_view()),
    path("positions/", positions.PositionsView.as_view()),
    path("positions/set/", positions.SetStockView.as_view()),
    path("positions/adjust/", positions.AdjustStockView.as_view()),
    path("positions/safety-stock/", positions.SetSafetyStockView.as_view()),
    path("reservations/", reservations.ReservationsView.as_view()),
    path("reservations/release/", reservations.ReleaseReservationsView.as_view()),
    path("reservations/<str:key>/", reservations.ReservationView.as_view()),
]
