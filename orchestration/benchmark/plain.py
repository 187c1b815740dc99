"""The floor of the availability answer: the same query, put into a JsonResponse, behind the same middleware."""

from django.http import HttpRequest, JsonResponse
from django.urls import path

from inventory.models import InventoryPosition

FIELDS = ("product__sku", "source__code", "on_hand", "reserved", "safety_stock")


def positions(request: HttpRequest) -> JsonResponse:
    found = InventoryPosition.objects.filter(product__sku=request.GET["sku"]).order_by("pk")
    return JsonResponse({"results": list(found.values(*FIELDS))})


urlpatterns = [path("plain/", positions)]
