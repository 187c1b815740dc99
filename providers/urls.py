from django.urls import path

from providers import views

urlpatterns = [path("<slug:key>/", views.hook, name="provider-hook")]
