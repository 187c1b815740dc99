"""Text that no database takes is refused at the door, for every page alike."""

from collections.abc import Callable, Iterator
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
# These say it in their own shape; and what comes to a hook is read as the bytes that were signed.
OWN_WORDS = ("/api/", "/hooks/")
SENTENCE = "A field of the form or of the address has a NUL character, which no text may have. Take it out and try again."


class NoNulMiddleware:
    """400 for a NUL in a query or a form, 404 for one in the path: PostgreSQL would raise on it wherever it is looked up."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Callable, args: tuple, kwargs: dict[str, Any]):
        if request.path.startswith(OWN_WORDS):
            return None
        if any("\0" in value for value in kwargs.values() if isinstance(value, str)):
            raise Http404("There is no such page.")
        if any("\0" in text for text in _texts(request)):
            return HttpResponseBadRequest(SENTENCE, content_type="text/plain; charset=utf-8")
        return None


def _texts(request: HttpRequest) -> Iterator[str]:
    for values in (request.GET, request.POST if request.content_type in FORMS else {}):
        for name in values:
            yield name
            yield from values.getlist(name)
