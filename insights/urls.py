from django.urls import path

from insights.pages.attention import attention
from insights.pages.home import home
from insights.pages.insights import insights
from insights.pages.order import order_page, order_timeline

urlpatterns = [
    path("", home, name="home"),
    path("attention/", attention, name="exceptions"),
    path("orders/<int:pk>/", order_page, name="order-page"),
    path("orders/<int:pk>/timeline/", order_timeline, name="order-timeline"),
    path("insights/", insights, name="dashboard"),
]
