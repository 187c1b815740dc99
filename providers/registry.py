"""The shipped providers. An installation adds its own by a module that calls `register`."""

from importlib import import_module
from types import ModuleType

from providers.definitions import Action, Parameter, Provider, Puller, Topic, Transformation
from providers.errors import ProviderMisconfigured

_providers: dict[str, Provider] = {}


def register(definition: Provider) -> Provider:
    _providers[definition.key] = definition
    return definition


def providers() -> list[Provider]:
    return list(_providers.values())


def provider(key: str) -> Provider:
    """Raises ProviderMisconfigured for a key that no definition has."""
    try:
        return _providers[key]
    except KeyError:
        raise ProviderMisconfigured(f"There is no provider named {key}.", code="unknown_provider") from None


def provider_actions() -> list[Action]:
    return [action for definition in providers() for action in definition.actions]


def action(key: str) -> Action:
    found = {item.key: item for item in provider_actions()}
    if key not in found:
        raise ProviderMisconfigured(f"There is no provider action named {key}.", code="unknown_action")
    return found[key]


def action_name(key: str) -> str:
    """As people say it; one that is not installed any more is told by its key."""
    return next((item.label for item in provider_actions() if item.key == key), key)


def provider_of(action_key: str) -> Provider:
    return provider(action_key.partition(".")[0])


def adapter(key: str) -> ModuleType:
    return import_module(provider(key).adapter)


_BASE = Parameter("base_url", "Address of the API", kind="url")
_HOOK = Parameter(
    "webhook_secret", "Secret of their messages", secret=True, required=False, help="Checks what they send us"
)
_OLD_HOOK = Parameter(
    "webhook_secret_previous",
    "Previous secret",
    secret=True,
    required=False,
    help="Still taken while they change over",
)
_PULL = Parameter(
    "pull_seconds",
    "Seconds between two looks",
    kind="number",
    required=False,
    help="For what no message told us",
)
_FULFILLMENT = ("accepted", "picking", "packed", "shipped", "delivered", "rejected", "canceled")

register(
    Provider(
        key="bigcommerce",
        label="BigCommerce",
        category="Commerce",
        parameters=(_BASE, _PULL, Parameter("access_token", "API token", secret=True), _HOOK, _OLD_HOOK),
        adapter="providers.adapters.bigcommerce.adapter",
        actions=(
            Action("bigcommerce.status", "Write order status", "write_status", "order"),
            Action("bigcommerce.shipment", "Write shipment", "write_shipment", "fulfillment_order"),
        ),
        events=("order.new",),
        topics=(
            Topic("store/order/created", "Order created", "bigcommerce_order"),
            Topic("store/order/changed", "Order found changed", "bigcommerce_change"),
            Topic("store/order/updated", "Order updated"),
            Topic("store/order/statusUpdated", "Order paid, perhaps", "bigcommerce_order"),
        ),
        pullers=(
            Puller("orders", "Orders that no webhook told of", 60),
            Puller("changes", "Orders that were edited, or late", 300),
        ),
        transformations=(Transformation("order", "BigCommerce order v2", "OrderDraft"),),
    )
)
register(
    Provider(
        key="threepl",
        label="Third-party logistics",
        category="Fulfillment",
        parameters=(
            _BASE, _PULL, Parameter("api_key", "API key", secret=True), _HOOK, _OLD_HOOK,
            Parameter(
                "stock_jump_percent", "Stock jump, percent", kind="number", required=False,
                help="A level that differs from ours by more waits for a person; 50 if empty",
            ),
            Parameter(
                "stock_jump_units", "Stock jump, units", kind="number", required=False,
                help="Smaller differences are always taken; 100 if empty",
            ),
            Parameter("stock_most", "Most units", kind="number", required=False, help="More cannot be; 1,000,000 if empty"),
        ),
        adapter="providers.adapters.threepl.adapter",
        actions=(
            Action(
                "threepl.send", "Send to the 3PL", "send_to_fulfillment", "fulfillment_order",
                "fulfillment_order.sent", "fulfillment_order.send_failed", batch_size=50,
            ),
            Action("threepl.cancel", "Cancel at the 3PL", "cancel_fulfillment", "fulfillment_order"),
        ),
        events=tuple(f"fulfillment_order.{name}" for name in _FULFILLMENT),
        topics=(
            *(Topic(f"order.{name}", name.title(), "threepl_status") for name in _FULFILLMENT),
            Topic("stock.counted", "Stock counted", "threepl_stock"),
        ),
        pullers=(Puller("orders", "Callbacks that were lost", 60),),
        transformations=(Transformation("order", "FulfillmentOrder", "3PL order"),),
    )
)  # fmt: skip
register(
    Provider(
        key="billing",
        label="Billing",
        category="ERP",
        parameters=(_BASE, Parameter("api_key", "API key", secret=True), _HOOK, _OLD_HOOK),
        adapter="providers.adapters.billing.adapter",
        actions=(
            Action(
                "billing.invoice", "Invoice", "send_to_invoice", "fulfillment_order",
                "fulfillment_order.invoiced", "fulfillment_order.invoice_failed", batch_size=50,
            ),
        ),
        events=("fulfillment_order.invoiced",),
        topics=(Topic("invoice.issued", "Invoice issued", "billing_invoice"),),
        transformations=(Transformation("invoice", "FulfillmentOrder", "Invoice"),),
    )
)  # fmt: skip
register(
    Provider(
        key="webhook",
        label="Outbound webhook",
        category="Integration",
        parameters=(
            Parameter("url", "Address that is told", kind="url"),
            Parameter("events", "Events, * for all", kind="list", default=["*"]),
            Parameter("secret", "Signing secret (whsec_…)", secret=True),
        ),
        adapter="providers.adapters.webhook.adapter",
        actions=(Action("webhook.event", "Tell of an event", "tell", "event", patience_hours=72),),
    )
)
