"""The floors of answers: the same query, put into a JsonResponse, behind the same middleware."""

import json

from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from inventory.models import InventoryPosition

FIELDS = ("product__sku", "source__code", "on_hand", "reserved", "safety_stock")


def positions(request: HttpRequest) -> JsonResponse:
    found = InventoryPosition.objects.filter(product__sku=request.GET["sku"]).order_by("pk")
    return JsonResponse({"results": list(found.values(*FIELDS))})


@csrf_exempt
def stock_of_cart(request: HttpRequest) -> JsonResponse:
    """What a plan of the cart cannot do without: its stock, in one query."""
    skus = [line["sku"] for line in json.loads(request.body)["lines"]]
    found = InventoryPosition.objects.filter(product__sku__in=skus).order_by("pk")
    return JsonResponse({"results": list(found.values_list(*FIELDS))})


def live(request: HttpRequest) -> JsonResponse:
    return JsonResponse({})


urlpatterns = [path("plain/", positions), path("plain/cart", stock_of_cart), path("health/live", live)]
