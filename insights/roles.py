"""Who may do what: each role is a group, made by migration; sites may change the groups afterwards.

A permission is `app.action_model`; `app.action_*` is that action on every model of the app.
"""

from collections.abc import Collection, Iterable, Mapping

from django.contrib.auth.management import create_permissions

_LOOK = ("inventory.view_*", "orders.view_*", "fulfillment.view_*", "orchestration.view_*", "insights.view_*")
# Keys and the log of logins are nobody's daily work.
_PRIVATE = ("orders.view_apikey", "orders.view_idempotentrequest")


def _edited(*models: str) -> tuple[str, ...]:
    """Add, change and delete of each model."""
    return tuple(
        f"{app}.{action}_{name}"
        for app, _, name in (model.partition(".") for model in models)
        for action in ("add", "change", "delete")
    )


# What carriers, calendars and sources are set up with; and what strategies are made of.
_SETUP = _edited(
    "inventory.workingcalendar", "inventory.workinghours", "inventory.calendarday", "fulfillment.carrier",
    "fulfillment.carrierservice", "fulfillment.zoneband", "fulfillment.rate", "fulfillment.surcharge",
    "fulfillment.transittime", "fulfillment.lateness", "fulfillment.sourceservice", "fulfillment.carrierpickup",
    "fulfillment.shippingratefactor",
)  # fmt: skip
_STRATEGIES = _edited(
    "fulfillment.sourcelist", "fulfillment.strategyconstraint", "fulfillment.sourcepriority", "fulfillment.methodrule",
    "fulfillment.futuresale",
    "fulfillment.rejectionreason",
)  # fmt: skip

ROLES: dict[str, tuple[str, ...]] = {
    "Order desk": (
        *_LOOK,
        "orders.add_order", "orders.change_order", "orders.add_orderline", "orders.change_orderline",
        "orders.add_customer", "orders.change_customer",
        "orders.add_address", "orders.change_address", "orders.delete_address",
        "orders.add_ordernote", "orders.add_ordertag", "orders.delete_ordertag", "orders.add_hold", "orders.change_hold",
        "orchestration.repair_run",
    ),
    "Fulfillment": (
        *_LOOK,
        "fulfillment.change_fulfillmentorder", "fulfillment.add_shipment", "fulfillment.add_sourcerejection",
        "inventory.change_inventoryposition", "orders.add_ordernote", "orchestration.repair_run",
    ),
    "Flow designer": (
        *_LOOK,
        "orchestration.add_flow", "orchestration.change_flow",
        "orchestration.add_policy", "orchestration.change_policy",
        "orchestration.add_rule", "orchestration.change_rule", "orchestration.delete_rule",
        "fulfillment.add_strategy", "fulfillment.change_strategy", *_STRATEGIES,
        "orders.add_statedefinition", "orders.change_statedefinition", "orders.add_statereason", "orders.change_statereason",
        "orders.add_statetransition", "orders.change_statetransition", "orders.add_eventdefinition",
        "orders.change_eventdefinition", "orders.add_tag", "orders.change_tag",
    ),
    "Publisher": (
        *_LOOK, "orchestration.change_flow", "orchestration.change_policy", "orchestration.publish_flow", "orchestration.repair_run",
        "fulfillment.change_strategy", "fulfillment.publish_strategy",
    ),
    "Integrator": (
        *_LOOK, "providers.view_*", "orders.view_apikey", "orders.add_apikey", "orders.change_apikey",
        "providers.add_providerconnection", "providers.change_providerconnection", "providers.change_inboxmessage",
        "providers.change_providerrequest", "providers.add_externalid", "providers.change_externalid",
        "orders.add_channel", "orders.change_channel", "inventory.add_product", "inventory.change_product",
        "inventory.add_fulfillmentsource", "inventory.change_fulfillmentsource",
        "inventory.add_inventoryposition", "inventory.change_inventoryposition",
        "orders.add_order", "orders.add_customer", "orders.change_customer", *_SETUP,
    ),
    "Manager": (
        *_LOOK, "providers.view_*",
        "orders.add_order", "orders.change_order", "orders.add_ordernote", "orders.add_customer", "orders.change_customer",
        "fulfillment.change_fulfillmentorder", "fulfillment.change_strategy", "inventory.change_product",
        "inventory.change_fulfillmentsource", "inventory.change_inventoryposition", "orchestration.publish_flow",
        "orchestration.repair_run", "fulfillment.publish_strategy", *_SETUP, *_STRATEGIES,
    ),
    "Auditor": (*_LOOK, "providers.view_*", "orders.view_apikey", "auth.view_user", "auth.view_group", "axes.view_*"),
    "Admin": (
        *_LOOK, "providers.view_*", "orders.view_apikey", "orders.add_apikey", "orders.change_apikey",
        "auth.view_user", "auth.add_user", "auth.change_user",
        "auth.view_group", "auth.add_group", "auth.change_group", "auth.delete_group", "axes.view_*",
    ),
}  # fmt: skip


def granted(role: str, existing: Collection[str], *, early: bool = False) -> set[str]:
    """The permissions of a role, out of those that exist; an exact name that does not exist raises KeyError.

    `early`: names of tables that later migrations make are left out.
    """
    found: set[str] = set()
    for pattern in ROLES[role]:
        if not early or pattern.endswith("*") or pattern in existing:
            found |= set(_matching(pattern, existing))
    return found - (set(_PRIVATE) - set(ROLES[role]))


def grant_new(apps, schema_editor, new: Mapping[str, tuple[str, ...]]) -> None:
    """For migrations: give the roles what is theirs of tables that came later, by app; what sites gave or took stays."""
    alias = schema_editor.connection.alias
    for label in new:
        config = apps.get_app_config(label)
        config.models_module = True  # a historic app has none, and would be skipped
        create_permissions(config, verbosity=0, using=alias, apps=apps)
    permissions, groups = apps.get_model("auth", "Permission"), apps.get_model("auth", "Group")
    rows = permissions.objects.using(alias).values_list("content_type__app_label", "codename", "pk")
    existing = {f"{label}.{codename}": pk for label, codename, pk in rows}
    endings = tuple(f"_{model}" for models in new.values() for model in models)
    for group in groups.objects.using(alias).filter(name__in=ROLES):
        names = [name for name in granted(group.name, existing, early=True) if name.endswith(endings)]
        group.permissions.add(*[existing[name] for name in names])


def _matching(pattern: str, existing: Collection[str]) -> Iterable[str]:
    if pattern.endswith("*"):
        return [name for name in existing if name.startswith(pattern[:-1])]
    if pattern not in existing:
        raise KeyError(pattern)
    return [pattern]
