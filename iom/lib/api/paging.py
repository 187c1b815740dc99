from rest_framework.pagination import CursorPagination


class KeyPagination(CursorPagination):
    """Pages by key: no offset and no count."""

    ordering = "-id"
    page_size_query_param = "page_size"
    max_page_size = 500
