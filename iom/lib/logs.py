"""Structured logs: one line an event, with the request id and, inside a batch, what the batch worked on."""

import logging
import re
import time
import uuid
from collections.abc import Callable, Collection

import structlog
from django.http import HttpRequest, HttpResponse

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
log = structlog.get_logger(__name__)
QUIET = ("/static/", "/health/")
MOST_IDS = 10
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def configure(*, json: bool, level: str) -> None:
    """Route the standard library's logging and structlog to stderr, as JSON or in colour."""
    shared = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    renderer = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer()
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    logging.getLogger("django_q").setLevel(max(logging.WARNING, root.level))
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("django.request").setLevel(logging.ERROR)


def ids(found: Collection[int]) -> str:
    """Ids for a log line, the first few of many: `7,8,9… (250)`."""
    first = ",".join(map(str, sorted(found)[:MOST_IDS]))
    return first if len(found) <= MOST_IDS else f"{first}… ({len(found)})"


class RequestIdMiddleware:
    """Gives each request an id (the caller's `X-Request-ID` if it is a plain word), answers with it and logs one line.

    The path names the order, if it is about one; the query, which may hold personal data, stays out of the log.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        sent = request.headers.get("X-Request-ID", "")
        request.request_id = sent if REQUEST_ID.fullmatch(sent) else uuid.uuid4().hex
        started = time.monotonic()
        with structlog.contextvars.bound_contextvars(request_id=request.request_id):
            response = self.get_response(request)
            if not request.path.startswith(QUIET):
                took = int((time.monotonic() - started) * 1000)
                path = request.path[:200]
                log.info("request", method=request.method, path=path, status=response.status_code, ms=took)
        response["X-Request-ID"] = request.request_id
        return response
