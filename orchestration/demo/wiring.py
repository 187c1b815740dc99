"""The demo's connections to the sandbox, and the file that tells the sandbox what it must know."""

import base64
import json
import os
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from inventory.models import FulfillmentSource
from orchestration.demo import goods, people
from orders.models import ApiKey, Channel
from orders.services.access import create_key
from providers.models import ProviderConnection
from providers.secrets import set_secrets
from providers.services.connections import keep_settings

STORE = "demo"
# slot: (name of the API key, scopes, channel)
API_KEYS = {
    "staff_key": ("Sandbox staff", ("fulfillment:read", "fulfillment:write"), None),
    "dock_key": ("Receiving dock", ("inventory:write",), None),
    "trial_key": ("First steps", ("orders:*", "products:read", "inventory:read", "events:read"), None),
    "trade_key": ("Trade buyers", ("orders:write",), "wholesale"),
}
# connection: (provider, name, path under the sandbox, channel, type of the sources it runs)
CONNECTIONS = {
    "web-shop": ("bigcommerce", "Web shop", f"/stores/{STORE}", "web-shop", None),
    "threepl": ("threepl", "Logistics partner", "/threepl", None, "3pl"),
    "billing": ("billing", "Billing", "/billing", None, None),
}


def sandbox_file(name: str = "sandbox.json") -> Path:
    return Path(settings.VAR_DIR) / name


def credentials(path: Path) -> dict[str, Any]:
    """Keys and passwords of this installation's demo, made once and kept where only the owner reads."""
    if path.exists():
        return json.loads(path.read_text())
    made = {
        "bigcommerce": {"access_token": secrets.token_hex(16), "webhook_secret": secrets.token_hex(20)},
        "threepl": {"api_key": secrets.token_hex(16), "webhook_secret": _signing_secret()},
        "billing": {"api_key": secrets.token_hex(16), "webhook_secret": _signing_secret()},
        "passwords": {name: f"{name}-{secrets.token_hex(3)}" for name in ("demo", *people.LOGINS)},
    }
    keep(path, made)
    return made


@transaction.atomic
def connect(kept: dict[str, Any], sandbox_url: str) -> None:
    """Point the demo's connections at the sandbox; an existing one only learns the address."""
    for key, (provider, name, path, channel, kind) in CONNECTIONS.items():
        row, _ = ProviderConnection.objects.get_or_create(
            key=key, defaults={"name": name, "provider": provider, "status": "active", "sandbox": True}
        )
        row.channel = Channel.objects.get(key=channel) if channel else None
        row.parameters = {**row.parameters, "base_url": sandbox_url + path}
        row.save()
        set_secrets(row, kept[provider])
        keep_settings(row, actor="demo")
        if kind:
            row.sources.set(FulfillmentSource.objects.filter(type=kind))


def api_keys(kept: dict[str, Any], path: Path) -> dict[str, str]:
    """Keys to our API: for the world outside, and for a newcomer's first call. Anew when the database knows them not."""
    for slot, (name, scopes, channel) in API_KEYS.items():
        prefix = kept.get(slot, "__").split("_")[1]
        if not ApiKey.objects.filter(prefix=prefix, revoked_at__isnull=True).exists():
            channels = Channel.objects.filter(key=channel)
            _, kept[slot] = create_key(name, scopes=scopes, channels=channels)
    keep(path, kept)
    return {slot: kept[slot] for slot in API_KEYS}


def sandbox_config(
    kept: dict[str, Any], our_url: str, keys: dict[str, str], *, trade: bool = True
) -> dict[str, Any]:
    """What the sandbox process is told at its start; `trade` lets wholesale buyers post to our API."""
    config = {
        "our_url": our_url,
        "store": STORE,
        "hooks": {provider: key for key, (provider, *_) in CONNECTIONS.items()},
        "secrets": {name: kept[name] for name in ("bigcommerce", "threepl", "billing")},
        "staff_key": keys["staff_key"],
        "dock_key": keys["dock_key"],
        "awaited": list(goods.SOLD_OUT),
        "refuses": list(goods.REFUSED),
        "products": [
            {"sku": row["sku"], "name": row["name"], "price": str(row["price"])}
            for row in goods.product_rows()
        ],
        "customers": [
            {**place, "email": head["email"], "phone": head["phone"]}
            for head, place in people.customer_rows()
            if head["kind"] == "contact"
        ],
    }
    return config | ({"trade": _trade(keys["trade_key"])} if trade else {})


def _trade(key: str) -> dict[str, Any]:
    return {
        "key": key,
        "channel": "wholesale",
        "products": [
            {"sku": row["sku"], "price": str(row["price"])}
            for row in goods.product_rows()
            if row["category"] in goods.TRADE
        ],
        "buyers": [
            {"customer_code": head["code"], "customer_name": head["name"], "ship_to": place}
            for head, place in people.customer_rows()
            if head["kind"] == "account"
        ],
    }


def _signing_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()


def keep(path: Path, value: dict[str, Any]) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(value, file, indent=1)
