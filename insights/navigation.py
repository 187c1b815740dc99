"""The menu of the admin site: task areas, each shown to those who may use something in it."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from insights.exceptions import open_count

# area: [(label, icon, url name, permission or "" for everybody)]; a page that is not installed is left out.
AREAS = {
    "Home": [
        ("Home", "home", "home", ""),
    ],
    "Orders": [
        ("Orders", "shopping_cart", "admin:orders_order_changelist", "orders.view_order"),
        ("New order", "add_shopping_cart", "admin:orders_order_add", "orders.add_order"),
        ("Exceptions inbox", "error", "exceptions", "orders.view_order"),
        ("Repairs", "build", "repairs", "orders.view_order"),
        ("Holds", "pause_circle", "admin:orders_hold_changelist", "orders.view_hold"),
        ("Customers", "group", "admin:orders_customer_changelist", "orders.view_customer"),
        ("Channels", "storefront", "admin:orders_channel_changelist", "orders.view_channel"),
        ("Events", "timeline", "admin:orders_businessevent_changelist", "orders.view_businessevent"),
    ],
    "Fulfillment": [
        ("Worklist", "checklist", "worklist", "fulfillment.view_fulfillmentorder"),
        ("Fulfillment orders", "inventory", "admin:fulfillment_fulfillmentorder_changelist", "fulfillment.view_fulfillmentorder"),
        ("Shipments", "local_shipping", "admin:fulfillment_shipment_changelist", "fulfillment.view_shipment"),
        ("Decisions", "alt_route", "admin:fulfillment_sourcingdecision_changelist", "fulfillment.view_sourcingdecision"),
        ("Strategies", "strategy", "admin:fulfillment_strategy_changelist", "fulfillment.view_strategy"),
        ("What-ifs", "compare_arrows", "admin:fulfillment_whatif_changelist", "fulfillment.view_whatif"),
        ("Source lists", "list_alt", "admin:fulfillment_sourcelist_changelist", "fulfillment.view_sourcelist"),
        ("Source priorities", "low_priority", "admin:fulfillment_sourcepriority_changelist", "fulfillment.view_sourcepriority"),
        ("Future sale values", "trending_up", "admin:fulfillment_futuresale_changelist", "fulfillment.view_futuresale"),
        ("Methods", "storefront", "admin:fulfillment_methodrule_changelist", "fulfillment.view_methodrule"),
        ("Rejection reasons", "block", "admin:fulfillment_rejectionreason_changelist", "fulfillment.view_rejectionreason"),
        ("Sourcing batches", "schedule_send", "admin:orchestration_sourcingbatch_changelist", "orchestration.view_sourcingbatch"),
        ("Sourcing runs", "speed", "admin:fulfillment_sourcingrun_changelist", "fulfillment.view_sourcingrun"),
        ("Invoices", "receipt_long", "admin:fulfillment_invoice_changelist", "fulfillment.view_invoice"),
    ],
    "Inventory": [
        ("Stock", "inventory_2", "admin:inventory_inventoryposition_changelist", "inventory.view_inventoryposition"),
        ("Products", "category", "admin:inventory_product_changelist", "inventory.view_product"),
        ("Sources", "warehouse", "admin:inventory_fulfillmentsource_changelist", "inventory.view_fulfillmentsource"),
        ("Reservations", "bookmark", "admin:inventory_reservation_changelist", "inventory.view_reservation"),
        ("Movements", "swap_vert", "admin:inventory_inventorymovement_changelist", "inventory.view_inventorymovement"),
    ],
    "Shipping": [
        ("Carriers", "local_shipping", "admin:fulfillment_carrier_changelist", "fulfillment.view_carrier"),
        ("Services and rates", "price_change", "admin:fulfillment_carrierservice_changelist", "fulfillment.view_carrierservice"),
        ("Rates", "request_quote", "admin:fulfillment_rate_changelist", "fulfillment.view_rate"),
        ("Zones", "social_distance", "admin:fulfillment_zoneband_changelist", "fulfillment.view_zoneband"),
        ("Surcharges", "local_gas_station", "admin:fulfillment_surcharge_changelist", "fulfillment.view_surcharge"),
        ("Transit times", "timelapse", "admin:fulfillment_transittime_changelist", "fulfillment.view_transittime"),
        ("Lateness", "running_with_errors", "admin:fulfillment_lateness_changelist", "fulfillment.view_lateness"),
        ("Services offered", "checklist_rtl", "admin:fulfillment_sourceservice_changelist", "fulfillment.view_sourceservice"),
        ("Pickups", "schedule", "admin:fulfillment_carrierpickup_changelist", "fulfillment.view_carrierpickup"),
        ("Rate factors", "percent", "admin:fulfillment_shippingratefactor_changelist", "fulfillment.view_shippingratefactor"),
        ("Working calendars", "calendar_month", "admin:inventory_workingcalendar_changelist", "inventory.view_workingcalendar"),
        ("Working hours", "work_history", "admin:inventory_workinghours_changelist", "inventory.view_workinghours"),
        ("Holidays", "celebration", "admin:inventory_calendarday_changelist", "inventory.view_calendarday"),
        ("Capacity", "event_available", "admin:fulfillment_sourceday_changelist", "fulfillment.view_sourceday"),
        ("Capacity of lists", "event_note", "admin:fulfillment_listday_changelist", "fulfillment.view_listday"),
    ],
    "Orchestration": [
        ("Flows", "account_tree", "flows", "orchestration.view_flow"),
        ("Policies", "rule", "policies", "orchestration.view_policy"),
        ("Flow runs", "play_circle", "runs", "orchestration.view_flowrun"),
        ("Step results", "fact_check", "admin:orchestration_stepresult_changelist", "orchestration.view_stepresult"),
        ("States", "flag", "states", "orders.view_statedefinition"),
        ("Business events", "bolt", "events", "orders.view_eventdefinition"),
    ],
    "Providers": [
        ("Connections", "hub", "admin:providers_providerconnection_changelist", "providers.view_providerconnection"),
        ("Messages in", "inbox", "admin:providers_inboxmessage_changelist", "providers.view_inboxmessage"),
        ("Requests out", "outbox", "admin:providers_providerrequest_changelist", "providers.view_providerrequest"),
        ("Id mapping", "link", "admin:providers_externalid_changelist", "providers.view_externalid"),
    ],
    "Insights": [
        ("Dashboard", "monitoring", "dashboard", "insights.view_rollup"),
    ],
    "Settings": [
        ("Users", "person", "admin:auth_user_changelist", "auth.view_user"),
        ("Roles", "badge", "admin:auth_group_changelist", "auth.view_group"),
        ("API keys", "key", "admin:orders_apikey_changelist", "orders.view_apikey"),
        ("API docs", "api", "api-docs", ""),
        ("Failed logins", "lock", "admin:axes_accessattempt_changelist", "axes.view_accessattempt"),
    ],
}  # fmt: skip


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The areas with the entries that this user may open; an area without one is not shown. No query of its own,
    but for the badges, and what those count is kept for some seconds.
    """
    areas = [{"title": title, "items": _items(request, entries)} for title, entries in AREAS.items()]
    _mark_active(request.path, [item for area in areas for item in area["items"]])
    return [area for area in areas if area["items"]]


def _mark_active(path: str, items: list[dict[str, Any]]) -> None:
    """The entry nearest to the page, and no other: the order page belongs to the list of orders."""
    here = (
        path.replace("/orders/", _link("admin:orders_order_changelist"), 1)
        if path.startswith("/orders/")
        else path
    )
    found = max(
        (item for item in items if _covers(item["link"], here)),
        key=lambda item: len(item["link"]),
        default=None,
    )
    for item in items:
        item["active"] = item is found


def _covers(link: str, path: str) -> bool:
    return path == link or (link != _link("home") and path.startswith(link))


def environment_badge(request: HttpRequest) -> list[str]:
    """The environment in words and color, on every page."""
    tone = {"live": "danger", "test": "warning"}.get(settings.ENVIRONMENT, "info")
    return [settings.ENVIRONMENT, tone]


def _items(request: HttpRequest, entries: list[tuple]) -> list[dict[str, Any]]:
    return [
        {"title": label, "icon": icon, "link": link, **_badge(request, name)}
        for label, icon, name, permission in entries
        if (not permission or request.user.has_perm(permission)) and (link := _link(name))
    ]


def _badge(request: HttpRequest, name: str) -> dict[str, int]:
    """How many causes wait for a person, beside the inbox; nothing where none does."""
    count = open_count(request.user) if name == "exceptions" else 0
    return {"badge": count} if count else {}


def _link(name: str) -> str | None:
    try:
        return reverse(name)
    except NoReverseMatch:
        return None
