"""One line a request and a batch, with the ids by which a story is found again; nothing that is nobody's business."""

import pytest
from structlog.testing import capture_logs

from iom.lib.logs import ids

pytestmark = pytest.mark.django_db


def test_a_request_and_its_error_carry_the_same_id(client):
    with capture_logs() as lines:
        answer = client.get(
            "/api/v1/orders/SO-1042/?customer_email=ann@example.com", headers={"X-Request-ID": "story-7"}
        )

    assert (answer["X-Request-ID"], answer.json()["request_id"]) == ("story-7", "story-7")
    (line,) = [line for line in lines if line["event"] == "request"]
    assert (line["method"], line["path"], line["status"]) == ("GET", "/api/v1/orders/SO-1042/", 401)
    assert "ann@example.com" not in str(lines)


@pytest.mark.parametrize("sent", ["two words", "x" * 65, "a\\nb"])
def test_an_odd_id_is_replaced(client, sent):
    answer = client.get("/api/v1/orders/", headers={"X-Request-ID": sent})

    assert answer["X-Request-ID"] != sent
    assert len(answer["X-Request-ID"]) == 32


def test_ids_of_a_batch_stay_short():
    assert ids({3, 1, 2}) == "1,2,3"
    assert ids(range(250)) == "0,1,2,3,4,5,6,7,8,9… (250)"
