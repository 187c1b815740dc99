"""Addresses of the whole house; apps are named by dotted path only."""

from django.contrib import admin
from django.urls import path

urlpatterns = [
    path("admin/", admin.site.urls),
]
