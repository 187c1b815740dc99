from django.urls import path

from insights.pages import repairs, runs
from insights.pages.attention import answer_request, attention, own_group, snooze_group
from insights.pages.group import group_page
from insights.pages.home import home
from insights.pages.insights import insights
from insights.pages.order import order_page, order_timeline

urlpatterns = [
    path("", home, name="home"),
    path("attention/", attention, name="exceptions"),
    path("attention/cause/<str:cause>/", group_page, name="exception-group"),
    path("attention/own/", own_group, name="exception-own"),
    path("attention/snooze/", snooze_group, name="exception-snooze"),
    path("attention/answer/", answer_request, name="request-answer"),
    path("repairs/", repairs.jobs, name="repairs"),
    path("repairs/new/", repairs.ask, name="repair-ask"),
    path("repairs/start/", repairs.begin, name="repair-start"),
    path("repairs/<int:pk>/", repairs.job, name="repair-job"),
    path("repairs/<int:pk>/stop/", repairs.halt, name="repair-stop"),
    path("runs/", runs.flow_runs, name="runs"),
    path("runs/<int:pk>/", runs.run_page, name="run-page"),
    path("orders/<int:pk>/", order_page, name="order-page"),
    path("orders/<int:pk>/timeline/", order_timeline, name="order-timeline"),
    path("insights/", insights, name="dashboard"),
]
