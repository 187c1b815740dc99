"""What people see where there is nothing, or nothing for them: a sentence and a way home, in our own page."""

import pytest
from django.template.loader import render_to_string


def test_an_address_of_nothing_says_so_and_leads_home(boss, client):
    for address in ("/nowhere/", "/orders/999999/", "/admin/orders/order/import/change/"):
        page = client.get(address)
        assert page.status_code == 404, address
        assert 'href="/"' in page.content.decode(), address
    assert "There is nothing here" in client.get("/nowhere/").content.decode()


@pytest.mark.parametrize("code", ["400", "403", "404", "500"])
def test_a_page_of_errors_needs_neither_request_nor_database(code):
    page = render_to_string(f"{code}.html")
    assert "<h1>" in page and 'href="/"' in page and "style=" not in page
