"""What can go wrong at the border. The kind decides what follows: later, a person, or stop until a parameter changes."""


class ProviderError(Exception):
    """Base of all; `status` is the HTTP status if there was one, `undone` says that surely nothing happened there."""

    code = "provider_error"
    undone = False

    def __init__(self, sentence: str, *, code: str = "", status: int | None = None) -> None:
        self.code, self.status = code or self.code, status
        super().__init__(sentence[:500])


class ProviderUnavailable(ProviderError):
    """Later. Unless `undone`, the work may have been done: same key again, or ask, never a second effect."""

    code = "unavailable"

    def __init__(
        self, sentence: str, *, retry_after: float | None = None, undone: bool = False, **more
    ) -> None:
        self.retry_after, self.undone = retry_after, undone
        super().__init__(sentence, **more)


class ProviderRejected(ProviderError):
    """The provider understood and refused: a person looks."""

    code = "rejected"
    undone = True


class ProviderMisconfigured(ProviderError):
    """No call makes sense until a parameter or secret changes."""

    code = "misconfigured"
    undone = True


class ProviderGarbage(ProviderError):
    """The answer cannot be understood; what was done there is unknown."""

    code = "garbage"


class ProviderGone(ProviderMisconfigured):
    """They say that nobody will ever listen there again: the connection is paused until a person looks."""

    code = "gone"


class ForbiddenAddress(ProviderMisconfigured):
    """The address is not one that this installation may call."""

    code = "forbidden_address"


class UnknownSecret(ProviderError):
    code = "unknown_secret"


class MessageFault(Exception):
    """A message that cannot be worked on as it is; it is parked with this code and sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        self.code = code
        super().__init__(sentence[:500])


class MessageIgnored(Exception):
    """A message about something that is not for us, now or ever."""

    def __init__(self, code: str, sentence: str) -> None:
        self.code = code
        super().__init__(sentence[:500])


class MessageWaits(Exception):
    """A message that came before what it builds on: it is looked at again later."""

    code = "waits"
