"""Products and sources."""

from django.db.models import Q
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from inventory.api import serializers as documents
from inventory.models import FulfillmentSource, Product
from inventory.services.catalog import upsert_products
from iom.lib.api import filters
from iom.lib.api.filters import Filter, conditions
from iom.lib.api.idempotency import idempotent
from iom.lib.api.paging import key_page
from iom.lib.api.schema import IDEMPOTENCY_KEY, page_of
from iom.lib.api.serializers import validated
from iom.lib.api.views import ApiView

PRODUCT = (
    "id", "sku", "name", "category", "base_unit", "weight_grams", "length_mm", "width_mm", "height_mm", "price", "currency",
    "preorder_eligible", "launch_date", "active", "updated_at",
)  # fmt: skip
SOURCE = documents.SourceDocument.Meta.fields
PRODUCT_FILTERS = {
    "sku": Filter("sku__in", filters.texts, "One SKU, or several with commas between."),
    "category": Filter("category", filters.text),
    "active": Filter("active", filters.flag, "true or false"),
    "search": Filter(
        lambda text: Q(sku__istartswith=text) | Q(name__icontains=text), filters.text, "Part of a name."
    ),
}
SOURCE_FILTERS = {
    "type": Filter(
        "type__in",
        filters.some_of(FulfillmentSource.Type.values),
        "warehouse, store, 3pl, vendor or virtual.",
    ),
    "active": Filter("active", filters.flag, "true or false"),
    "country": Filter("country", filters.text),
}


class ProductsView(ApiView):
    scope_area, permission_model = "products", "inventory.product"

    @extend_schema(
        operation_id="products_list",
        parameters=filters.parameters(PRODUCT_FILTERS) + filters.PAGING,
        responses=page_of("ProductPage", documents.ProductSerializer),
    )
    def get(self, request: Request) -> Response:
        """Newest first."""
        return key_page(
            Product.objects.filter(conditions(request, PRODUCT_FILTERS)).values(*PRODUCT), request
        )

    @extend_schema(
        operation_id="products_upsert",
        parameters=[IDEMPOTENCY_KEY],
        request=documents.ProductsSerializer,
        responses=documents.ProductResults,
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Make or change up to 500 products by SKU."""
        rows = validated(documents.ProductsSerializer, request.data)["products"]
        results = upsert_products(rows)
        return Response({"rows": [{"sku": row["sku"], "result": results[row["sku"]]} for row in rows]})


class ProductView(ApiView):
    scope_area, permission_model = "products", "inventory.product"

    @extend_schema(operation_id="products_read", responses=documents.ProductSerializer)
    def get(self, request: Request, sku: str) -> Response:
        """By SKU."""
        return Response(_only(Product.objects.filter(sku=sku).values(*PRODUCT), sku))


class SourcesView(ApiView):
    scope_area, permission_model = "inventory", "inventory.fulfillmentsource"

    @extend_schema(
        operation_id="sources_list",
        parameters=filters.parameters(SOURCE_FILTERS) + filters.PAGING,
        responses=page_of("SourcePage", documents.SourceDocument),
    )
    def get(self, request: Request) -> Response:
        """Newest first."""
        rows = FulfillmentSource.objects.filter(conditions(request, SOURCE_FILTERS)).values(*SOURCE)
        return key_page(rows, request)


class SourceView(ApiView):
    scope_area, permission_model = "inventory", "inventory.fulfillmentsource"

    @extend_schema(operation_id="sources_read", responses=documents.SourceDocument)
    def get(self, request: Request, code: str) -> Response:
        """By code."""
        return Response(_only(FulfillmentSource.objects.filter(code=code).values(*SOURCE), code))


def _only(rows, key: str) -> dict:
    found = None if "\x00" in key else rows.first()
    if found is None:
        raise Http404
    return found
