"""Roles made by migration, and that no action listens to who may only look (S3)."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.urls import reverse

from insights.navigation import sidebar
from insights.roles import ROLES, granted
from orchestration.models import Flow
from orders.models import BusinessEvent, Hold, Order

pytestmark = pytest.mark.django_db


def test_each_role_has_exactly_what_the_table_says():
    existing = {
        f"{app}.{codename}"
        for app, codename in Permission.objects.values_list("content_type__app_label", "codename")
    }
    for role in ROLES:
        held = Group.objects.get(name=role).permissions.values_list("content_type__app_label", "codename")
        assert {f"{app}.{codename}" for app, codename in held} == granted(role, existing), role


def test_an_auditor_may_look_and_change_nothing():
    held = Group.objects.get(name="Auditor").permissions.values_list("codename", flat=True)
    assert held and all(codename.startswith("view_") for codename in held)


def test_only_publisher_and_manager_may_publish():
    groups = Group.objects.filter(permissions__codename="publish_flow").values_list("name", flat=True)
    assert set(groups) == {"Publisher", "Manager"}


def test_who_may_only_look_can_post_no_action(browse, make_orders, world):
    """Every bulk action of every list, posted as an auditor, confirmed at once: nothing changes."""
    ids = make_orders(1)
    client = browse("Auditor")
    before = (BusinessEvent.objects.count(), Hold.objects.count(), Order.objects.get(pk=ids[0]).state)
    posted = 0
    for model, model_admin in admin.site._registry.items():
        row = model._default_manager.order_by("pk").first()
        for action in [*(model_admin.actions or ()), "delete_selected"]:
            fields = {
                "action": action,
                "_selected_action": [row.pk if row else 1],
                "confirm": "1",
                "post": "yes",
            }
            fields |= {"type": "manual", "reason": "x", "note": "x"}
            url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
            assert client.post(url, fields).status_code in (200, 302, 403), (model, action)
            if row:
                assert model._default_manager.filter(pk=row.pk).exists()
            posted += 1
    assert posted > 40
    assert before == (BusinessEvent.objects.count(), Hold.objects.count(), Order.objects.get(pk=ids[0]).state)


def test_who_may_only_look_is_refused_at_every_button(browse, make_orders):
    make_orders(1)
    flow = Flow.objects.create(key="f", name="F")
    client = browse("Auditor")
    for name in ("publish", "stop", "pause", "resume"):
        assert client.post(reverse(f"admin:orchestration_flow_{name}", args=[flow.pk])).status_code == 403
    assert client.post(reverse("admin:orchestration_flow_import_json")).status_code == 403
    for model, model_admin in admin.site._registry.items():
        row = model._default_manager.order_by("pk").first()
        if row is None:
            continue
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[row.pk])
        assert client.post(url, {}).status_code in (403, 302), model
        assert client.post(url.replace("/change/", "/delete/"), {"post": "yes"}).status_code in (403, 302), (
            model
        )
        assert model_admin.model._default_manager.filter(pk=row.pk).exists()


def test_the_menu_shows_only_what_one_may_open(rf, person):
    request = rf.get("/admin/")
    request.user = person("Fulfillment")
    titles = [area["title"] for area in sidebar(request)]
    assert "Fulfillment" in titles and "Providers" not in titles
    assert "Users" not in [item["title"] for area in sidebar(request) for item in area["items"]]


def test_an_admin_who_is_no_superuser_cannot_make_one(browse, person):
    root = person(superuser=True)
    client = browse("Admin")
    page = client.get(reverse("admin:auth_user_change", args=[root.pk]))
    assert page.status_code == 200 and 'name="_save"' not in page.content.decode()
    form = client.get(reverse("admin:auth_user_add")).context["adminform"].form
    assert "is_superuser" not in form.fields


@pytest.mark.django_db
@pytest.mark.parametrize(
    "name, entry",
    [
        ("home", "Home"),
        ("admin:orders_order_changelist", "Orders"),
        ("admin:orders_order_add", "New order"),
        ("worklist", "Worklist"),
    ],
)
def test_one_entry_of_the_menu_is_active(rf, person, name, entry):
    request = rf.get(reverse(name))
    request.user = person(superuser=True)

    active = [item["title"] for area in sidebar(request) for item in area["items"] if item["active"]]

    assert active == [entry]


@pytest.mark.django_db
def test_the_order_page_belongs_to_the_list_of_orders(rf, person):
    request = rf.get("/orders/7/")
    request.user = person(superuser=True)

    assert [i["title"] for area in sidebar(request) for i in area["items"] if i["active"]] == ["Orders"]
