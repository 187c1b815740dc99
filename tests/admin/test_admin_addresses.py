"""Every address of the admin answers, whatever stands where a record's key is expected."""

from collections.abc import Iterator

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

ODD = ("import", "-1", "9" * 40, "1_00", "%00", "1/change/2")


def _routes(patterns, before: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern) and "<path:object_id>" in route:
            yield route


@pytest.mark.parametrize("odd", ODD, ids=[odd[:12] for odd in ODD])
def test_an_address_of_no_record_is_answered(browse, world, odd):
    client = browse()
    client.raise_request_exception = False
    routes = list(_routes(get_resolver().url_patterns, "/"))
    assert len(routes) > 100
    failed = {}
    for route in routes:
        address = route.replace("<path:object_id>", odd)
        for ask in (client.get, client.post):
            if (status := ask(address).status_code) >= 500:
                failed[ask.__name__, route] = status
    assert failed == {}
