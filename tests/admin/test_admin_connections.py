"""Connections: made of the provider's parameters; a secret goes in, is kept when empty, and is never shown."""

import pytest
from django.urls import reverse

from orders.models import ApiKey
from providers.models import ProviderConnection
from providers.secrets import reveal, set_secrets

pytestmark = pytest.mark.django_db


@pytest.fixture
def connection(db):
    made = ProviderConnection.objects.create(key="acme-3pl", name="Acme", provider="threepl", parameters={})
    set_secrets(made, {"webhook_secret": "whsec_canary-0123456789"})
    return made


def _sent(client, connection) -> tuple[str, dict]:
    url = reverse("admin:providers_providerconnection_change", args=[connection.pk])
    page = client.get(url).context
    form, (log,) = page["adminform"].form, page["inline_admin_formsets"]
    counts = log.formset.management_form
    return url, {name: form[name].value() or "" for name in form.fields} | {
        counts.add_prefix(name): value for name, value in counts.initial.items()
    }


def test_an_empty_secret_keeps_what_is_there_and_a_new_one_replaces_it(browse, connection):
    client = browse("Integrator")
    url, fields = _sent(client, connection)
    assert fields["secret_webhook_secret"] == ""
    fields |= {"parameter_base_url": "https://acme.example/api", "sources": []}

    assert client.post(url, fields).status_code == 302
    kept = ProviderConnection.objects.get()
    assert reveal(kept.secrets, "webhook_secret") == "whsec_canary-0123456789"
    assert kept.parameters["base_url"] == "https://acme.example/api"

    assert client.post(url, fields | {"secret_webhook_secret": "another-secret"}).status_code == 302
    assert reveal(ProviderConnection.objects.get().secrets, "webhook_secret") == "another-secret"
    log = connection.settings_log.all()
    assert [row.number for row in log] == [2, 1] and "secret" not in str(log[0].document["secrets"].values())


def test_no_page_shows_a_secret(browse, connection):
    client = browse()
    for name, args in (("changelist", []), ("change", [connection.pk]), ("history", [connection.pk])):
        page = client.get(reverse(f"admin:providers_providerconnection_{name}", args=args)).content.decode()
        assert "canary" not in page and "sealed" not in page, name


def test_a_missing_parameter_is_named_at_its_field(browse, connection):
    client = browse("Integrator")
    url, fields = _sent(client, connection)
    answer = client.post(url, fields | {"parameter_base_url": "", "sources": []})
    assert answer.status_code == 200
    assert "parameter_base_url" in answer.context["adminform"].form.errors


@pytest.mark.parametrize("field", ["name", "parameter_base_url"])
@pytest.mark.parametrize("secret", ["whsec_canary-0123456789", "fresh-secret-4711", "-----BEGIN-KEY-----"])
def test_a_secret_where_all_can_read_it_is_refused(browse, connection, field, secret):
    """B40: one that is kept, one that is typed in the same form, and one that only looks like it."""
    client = browse("Integrator")
    url, fields = _sent(client, connection)
    fields |= {
        "parameter_base_url": "https://acme.example/api",
        "sources": [],
        "secret_webhook_secret": "fresh-secret-4711",
    }
    before = ProviderConnection.objects.values().get()

    answer = client.post(url, fields | {field: f"https://acme.example/{secret}"})

    sentence = answer.context["adminform"].form.errors.get_json_data()[field][-1]["message"]
    assert sentence.startswith("This looks like a secret.") and secret not in sentence
    assert ProviderConnection.objects.values().get() == before


def test_a_new_connection_is_not_named_by_a_secret(browse, db):
    address, fields = reverse("admin:providers_providerconnection_add"), {"key": "x", "provider": "threepl"}
    answer = browse("Integrator").post(address, fields | {"name": "whsec_abc"})
    assert "name" in answer.context["adminform"].form.errors and not ProviderConnection.objects.exists()


def test_a_test_of_the_connection_says_the_cause(browse, connection):
    """B40: here an address that this installation may not call."""
    ProviderConnection.objects.update(parameters={"base_url": "https://127.0.0.1/api"})
    set_secrets(connection, {"api_key": "key-of-the-house-1"})
    client, address = (
        browse("Integrator"),
        reverse("admin:providers_providerconnection_test_connection", args=[connection.pk]),
    )

    page = client.post(address, follow=True)

    (said,) = [str(message) for message in page.context["messages"]]
    assert said.startswith("Acme does not work: ") and "127.0.0.1" in said


def test_an_auditor_may_neither_change_nor_test(browse, connection):
    client = browse("Auditor")
    assert (
        client.post(
            reverse("admin:providers_providerconnection_test_connection", args=[connection.pk])
        ).status_code
        == 403
    )
    page = client.get(reverse("admin:providers_providerconnection_change", args=[connection.pk]))
    assert page.status_code == 200 and "secret_" not in page.content.decode()


def test_an_api_key_is_shown_once(browse):
    client = browse("Integrator")
    answer = client.post(
        reverse("admin:orders_apikey_add"),
        {"name": "ERP", "scope_list": "orders:read\norders:write"},
        follow=True,
    )
    key = ApiKey.objects.get()
    assert f"iom_{key.prefix}_" in answer.content.decode()
    assert key.scopes == ["orders:read", "orders:write"]
    assert f"iom_{key.prefix}_" not in client.get(reverse("admin:orders_apikey_changelist")).content.decode()


def test_an_unknown_scope_is_refused(browse):
    client = browse("Integrator")
    answer = client.post(reverse("admin:orders_apikey_add"), {"name": "ERP", "scope_list": "world:rule"})
    assert "There is no scope world:rule" in answer.content.decode()
    assert not ApiKey.objects.exists()
