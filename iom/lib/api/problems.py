"""One shape for every error: problem+json with a code for machines, a sentence for people, a row for each field."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict, is_dataclass
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as ModelValidationError
from django.core.signals import got_request_exception
from django.db import DataError, OperationalError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

from iom.lib.api.errors import Problem, fault

CONTENT_TYPE = "application/problem+json"
logger = logging.getLogger(__name__)

# Ours instead of the framework's: one text whatever was wrong with a credential.
CODES = {
    exceptions.NotAuthenticated: ("unauthenticated", "Send a valid API key: Authorization: Bearer iom_…"),
    exceptions.AuthenticationFailed: ("unauthenticated", "Send a valid API key: Authorization: Bearer iom_…"),
    exceptions.PermissionDenied: ("forbidden", "This key or login may not do that."),
    exceptions.UnsupportedMediaType: ("unsupported_media_type", "Send the body as application/json."),
}
# A value that reached the database although it fits no column: the caller's, not ours.
MISFITS = (DataError, OverflowError, UnicodeEncodeError)


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response:
    """The answer to any error of a view. What nobody foresaw is logged and told without its insides."""
    request = context.get("request")
    document, headers = describe(error)
    if document["status"] >= 500:
        logger.exception("API request failed", exc_info=error)
        if document["code"] == "internal_error":
            got_request_exception.send(sender=type(context.get("view")), request=request)
    document["request_id"] = getattr(getattr(request, "_request", request), "request_id", "")
    return Response(document, status=document["status"], headers=headers, content_type=CONTENT_TYPE)


def describe(error: Exception) -> tuple[dict[str, Any], dict[str, str]]:
    """The problem document of an error, and headers that go with it."""
    if isinstance(error, Problem):
        return document(
            error.status_code, error.code, error.sentence, error.errors
        ) | error.extra, error.headers
    if isinstance(error, exceptions.ValidationError):
        rows = list(flatten(error.get_full_details()))
        return document(400, rows[0]["code"], rows[0]["message"], rows), {}
    if isinstance(error, exceptions.APIException):
        return _framework(error)
    if isinstance(error, Http404):
        return document(404, "not_found", "There is nothing at this address, or not for this key."), {}
    if isinstance(error, PermissionDenied):
        return document(403, "forbidden", "This key or login may not do that."), {}
    return _domain(error) if _is_named(error) else _django(error)


def document(status: int, code: str, detail: str, errors: Any = ()) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "errors": [_plain(row) for row in errors],
    }


def _framework(error: exceptions.APIException) -> tuple[dict[str, Any], dict[str, str]]:
    code, detail = CODES.get(
        type(error), (getattr(error.detail, "code", error.default_code), str(error.detail))
    )
    headers = {}
    if header := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = header
    if (wait := getattr(error, "wait", None)) is not None:
        headers["Retry-After"] = str(int(wait) + 1)
    return document(error.status_code, code, detail), headers


def _is_named(error: Exception) -> bool:
    """Does it carry a code and a status, as the errors of our apps do."""
    return isinstance(getattr(error, "code", None), str) and isinstance(getattr(error, "status", None), int)


def _domain(error: Exception) -> tuple[dict[str, Any], dict[str, str]]:
    """What the error carries goes along under its own names: ids, the present state, what is allowed instead."""
    carried = {name: value for name, value in vars(error).items() if not name.startswith("_")}
    rows = carried.pop("errors", None) or carried.pop("faults", None) or ()
    for name in {"code", "status", *carried} & {"code", "status", "faults", "detail", "title", "type"}:
        carried.pop(name, None)
    return document(error.status, error.code, str(error), rows) | _plain(carried), {}


def _plain(value: Any) -> Any:
    """Data of an error as JSON: dataclasses as objects, and a key is a text."""
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)


def _django(error: Exception) -> tuple[dict[str, Any], dict[str, str]]:
    if isinstance(error, RequestDataTooBig):
        return document(413, "body_too_large", "The body is too large."), {}
    if isinstance(error, ModelValidationError):
        return document(400, "invalid", " ".join(error.messages)), {}
    if isinstance(error, (SuspiciousOperation, *MISFITS)):
        return document(400, "bad_value", "A value in the request is outside of what can be stored."), {}
    if isinstance(error, OperationalError):
        return document(503, "busy", "The database is busy; try again."), {"Retry-After": "1"}
    return document(500, "internal_error", "Something went wrong here; it has been logged."), {}


def flatten(details: Any, path: str = "") -> Iterator[dict[str, str]]:
    """Rows of a serializer's nested errors, each with its path."""
    if isinstance(details, list):
        for index, item in enumerate(details):
            leaf = isinstance(item, Mapping) and set(item) == {"message", "code"}
            yield from flatten(item, path if leaf else f"{path}[{index}]")
    elif set(details) == {"message", "code"}:
        yield fault(str(details["code"]), path, str(details["message"]))
    else:
        for name, item in details.items():
            yield from flatten(item, _joined(path, name))


def _joined(path: str, name: str | int) -> str:
    """Rows of a list come under their numbers."""
    if name == "non_field_errors":
        return path
    if isinstance(name, int):
        return f"{path}[{name}]"
    return f"{path}.{name}" if path else name
