"""Many requests in one call, and what became of each."""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from providers.definitions import Outgoing, Result
from providers.errors import ProviderError, ProviderGarbage, ProviderRejected, ProviderUnavailable


def key_of(requests: Sequence[Outgoing]) -> str:
    """The idempotency key of a batch: of just these requests, since another set under one key is refused or mixed up."""
    if len(requests) == 1:
        return requests[0].key
    return "batch:" + sha256("\n".join(request.key for request in requests).encode()).hexdigest()


def singly(requests: Sequence[Outgoing], one: Callable[[Outgoing], Mapping[str, Any]]) -> dict[str, Result]:
    """One call each; an error of one is its own."""
    found: dict[str, Result] = {}
    for request in requests:
        try:
            found[request.key] = one(request)
        except ProviderError as error:
            found[request.key] = error
    return found


def spread(
    answer: Any, keys: Sequence[str], name: str, receipt: Callable[[str, Any], Mapping[str, Any]]
) -> dict[str, Result]:
    """Results of a batch answer by our keys; keys it leaves out are left out here, which counts as unknown."""
    if not isinstance(answer, dict) or not isinstance(answer.get("results"), list):
        raise ProviderGarbage("The answer to the batch has no results.")
    wanted = set(keys)
    rows = [row for row in answer["results"] if isinstance(row, dict) and _key(row) in wanted]
    return {row["client_key"]: _row(row, name, receipt) for row in rows}


def _key(row: Mapping[str, Any]) -> str:
    return row["client_key"] if isinstance(row.get("client_key"), str) else ""


def _row(row: Mapping[str, Any], name: str, receipt: Callable[[str, Any], Mapping[str, Any]]) -> Result:
    status = row.get("status")
    try:
        if type(status) is not int:
            return ProviderGarbage("A row of the batch has no status.")
        if 200 <= status < 300:
            return receipt(row["client_key"], row.get(name))
    except ProviderError as error:
        return error
    found = row.get("error")
    told = found if isinstance(found, dict) else {}
    sentence = str(told.get("message") or f"The provider refused it ({status}).")[:300]
    if status == 429:
        return ProviderUnavailable(sentence, undone=True, code="rate_limited", status=status)
    if 400 <= status < 500:
        return ProviderRejected(sentence, code=str(told.get("code") or f"http_{status}")[:40], status=status)
    return ProviderUnavailable(f"The provider failed ({status}).", code="server_error", status=status)
