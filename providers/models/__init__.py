from providers.models.connection import Checkpoint, ConnectionGate, ConnectionSettings, ProviderConnection
from providers.models.inbox import InboxMessage
from providers.models.mapping import ExternalId
from providers.models.outbox import ProviderRequest, RequestAttempt

__all__ = [
    "Checkpoint", "ConnectionGate", "ConnectionSettings", "ExternalId", "InboxMessage", "ProviderConnection", "ProviderRequest", "RequestAttempt",
]  # fmt: skip
