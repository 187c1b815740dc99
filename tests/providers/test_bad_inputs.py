"""B40: credentials that do not open, and secrets pasted where they do not belong."""

import pytest

from providers.errors import ProviderMisconfigured
from providers.registry import adapter
from providers.services.connections import link_of, problems

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_wrong_credential_is_named_as_the_cause(connect, vendor):
    vendor.script = [401]

    with pytest.raises(ProviderMisconfigured, match=r"refuses our credentials \(401\)"):
        adapter("threepl").check(link_of(connect("threepl")))


@pytest.mark.parametrize("url", ["https://user:hunter2@api.example.com", "https://hunter2@api.example.com"])
def test_a_secret_pasted_into_the_address_is_refused_and_not_repeated(connect, url):
    connection = connect("threepl")

    found = problems(connection, {**connection.parameters, "base_url": url})

    assert "base_url" in found
    assert "hunter2" not in found["base_url"]
