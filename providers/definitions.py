"""What a provider is, in code: what it needs to know, what it can do for us, what it tells us. Frozen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from time import monotonic
from typing import Any, Protocol

from providers import http
from providers.errors import ProviderUnavailable


@dataclass(frozen=True, slots=True)
class Parameter:
    key: str
    label: str = ""
    secret: bool = False
    kind: str = "text"  # text, url, list, number
    required: bool = True
    help: str = ""
    default: Any = ""


@dataclass(frozen=True, slots=True)
class Action:
    """Something that we ask of a provider. `action_type` makes providers interchangeable in a flow.

    `patience_hours` is how long one that is down is tried before a person must look.
    """

    key: str
    label: str
    action_type: str
    entity: str
    success_event: str = ""
    failure_event: str = ""
    batch_size: int = 1
    patience_hours: int = 24


@dataclass(frozen=True, slots=True)
class Topic:
    """A kind of message that comes in; `handler` names the message handler, empty: ignored by rule."""

    key: str
    label: str
    handler: str = ""


@dataclass(frozen=True, slots=True)
class Puller:
    key: str
    label: str
    every_seconds: int = 300


@dataclass(frozen=True, slots=True)
class Transformation:
    key: str
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request as an adapter sees it. `attempt` > 1: it may have been done before."""

    key: str
    action: str
    payload: Mapping[str, Any]
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Pulled:
    """A message found by looking rather than by being told."""

    message_id: str
    topic: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Page:
    messages: Sequence[Pulled]
    checkpoint: str
    more: bool = False


Result = Mapping[str, Any] | Exception


@dataclass(frozen=True, slots=True)
class Link:
    """A connection as adapters see it: no model, secrets sealed until a call asks for one."""

    key: str
    provider: str
    parameters: Mapping[str, Any]
    timeout: float = 10
    sealed: Mapping[str, Any] = field(default_factory=dict, repr=False)
    concurrency: int = 4
    # By the monotonic clock: when the lease of this work ends, however many calls it takes.
    until: float = inf

    def secret(self, name: str) -> str:
        from providers.secrets import reveal

        return reveal(self.sealed, name)

    def call(self, method: str, path: str, **more) -> http.Answer:
        base = str(self.parameters.get("base_url", "")).rstrip("/")
        return http.request(method, base + path, timeout=self.seconds(), **more)

    def seconds(self) -> float:
        """How long the next call may take."""
        left = self.until - monotonic()
        if left <= 0:
            raise ProviderUnavailable("There was no time left for the call.", code="timeout")
        return min(self.timeout, left)


class Adapter(Protocol):
    """The functions of an adapter module. Each raises one of the provider errors; none knows a model."""

    def send(self, link: Link, requests: Sequence[Outgoing]) -> Mapping[str, Result]: ...
    def check(self, link: Link) -> str: ...


@dataclass(frozen=True, slots=True)
class Provider:
    key: str
    label: str
    category: str
    parameters: tuple[Parameter, ...]
    adapter: str
    actions: tuple[Action, ...] = ()
    events: tuple[str, ...] = ()
    topics: tuple[Topic, ...] = ()
    pullers: tuple[Puller, ...] = ()
    transformations: tuple[Transformation, ...] = ()
