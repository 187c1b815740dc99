"""What an API request can get wrong before any domain rule looks at it. Each names its status and code."""

from collections.abc import Mapping, Sequence
from typing import Any

from rest_framework.exceptions import APIException

Fault = Mapping[str, Any]


def fault(code: str, field: str, message: str, fix: str = "") -> dict[str, str]:
    """One row of a problem's `errors`: `field` is a path such as `lines[2].quantity`."""
    return {"code": code, "field": field, "message": message, "fix": fix}


class Problem(APIException):
    """An answer with a stated status, code and sentence, and one row for each thing that is wrong."""

    status_code = 400

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        status: int = 400,
        errors: Sequence[Fault] = (),
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail, code)
        self.code, self.sentence, self.status_code = code, detail, status
        self.errors, self.extra, self.headers = list(errors), dict(extra or {}), dict(headers or {})


class InvalidInput(Problem):
    """The request names values that cannot be: all of them at once."""

    def __init__(self, errors: Sequence[Fault], *, status: int = 400) -> None:
        first = errors[0]
        more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
        super().__init__(first["code"], first["message"] + more, status=status, errors=errors)
