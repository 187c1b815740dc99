"""What comes in: checked on raw bytes, kept once, worked on until it is done or a person must look."""

import base64
import hashlib
import hmac
import json
import threading
import time
from pathlib import Path

import pytest
from django.conf import settings as house
from django.db import connection as database
from django.test import Client, RequestFactory
from shop_rig import SECRET

from providers import signatures, views
from providers.models import InboxMessage
from providers.secrets import masked, reveal, set_secrets
from providers.services import inbox

pytestmark = pytest.mark.django_db(transaction=True)
VECTORS = Path(house.BASE_DIR).parent / "shared/provider-specs/webhooks/standard-webhooks-vectors.json"


def signed(
    body: bytes, message_id: str = "m1", at: int | None = None, secret: str = SECRET
) -> dict[str, str]:
    at = int(time.time()) if at is None else at
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.digest(key, f"{message_id}.{at}.".encode() + body, hashlib.sha256)
    signature = "v1," + base64.b64encode(mac).decode()
    return {"webhook-id": message_id, "webhook-timestamp": str(at), "webhook-signature": signature}


def post(key: str, body: bytes, headers: dict[str, str]) -> int:
    extra = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    request = RequestFactory().post(f"/hooks/{key}/", body, content_type="application/json", **extra)
    return views.hook(request, key).status_code


BODY = json.dumps({"type": "order.accepted", "data": {"reference": "FO-1", "sequence": 1}}).encode()


def test_ten_times_the_same_message_at_once_is_one_row(connect):
    connect("threepl")
    codes, headers = [], signed(BODY)

    def send():
        codes.append(post("threepl", BODY, headers))
        database.close()

    threads = [threading.Thread(target=send) for _ in range(10)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert codes == [202] * 10 and InboxMessage.objects.count() == 1


@pytest.mark.parametrize("skew", [-301, 301, -360, -31 * 86_400])
def test_an_old_or_future_signature_is_refused(connect, skew):
    connect("threepl")
    assert post("threepl", BODY, signed(BODY, at=int(time.time()) + skew)) == 401
    assert not InboxMessage.objects.exists()


def test_a_bad_missing_or_reencoded_message_leaves_no_row(connect):
    connect("threepl")
    good = signed(BODY)
    tries = [
        ({}, BODY), ({**good, "webhook-signature": "v1,"}, BODY), ({**good, "webhook-signature": "v1,AAAA"}, BODY),
        ({**good, "webhook-timestamp": "hello"}, BODY), (good, json.dumps(json.loads(BODY), indent=1).encode()),
        (signed(BODY, secret="whsec_" + base64.b64encode(b"another").decode()), BODY),
        *(({name: good[name] for name in good if name != missing}, BODY) for missing in good),
    ]  # fmt: skip
    assert {post("threepl", body, headers) for headers, body in tries} == {401}
    assert post("nobody", BODY, good) == 401
    assert not InboxMessage.objects.exists()


def test_two_secrets_while_they_change_over(connect):
    connection = connect("threepl")
    new = "whsec_" + base64.b64encode(b"the new secret of the 3pl").decode()
    set_secrets(connection, {"webhook_secret": new, "webhook_secret_previous": SECRET})
    assert (
        post("threepl", BODY, signed(BODY, "a"))
        == post("threepl", BODY, signed(BODY, "b", secret=new))
        == 202
    )


def test_too_large_and_wrong_verb(connect):
    connect("threepl")
    assert post("threepl", b"x" * (views.LARGEST + 1), {}) == 413
    assert views.hook(RequestFactory().get("/hooks/threepl/"), "threepl").status_code == 405


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b"])
def test_a_message_that_calls_itself_a_form_is_read_as_it_was_signed(connect, client, kind):
    connect("threepl")
    headers = {"content_type": kind, "headers": signed(BODY)}
    assert client.post("/hooks/threepl/", BODY, **headers).status_code == 202
    assert client.post("/hooks/threepl/", b"a=%00", content_type=kind).status_code == 401
    large = b"a=" + b"x" * views.LARGEST
    assert client.post("/hooks/threepl/", large, content_type=kind).status_code == 413


def test_unknown_topics_are_kept_and_ignored_ones_too(connect):
    connect("threepl"), connect("bigcommerce")
    body = json.dumps({"type": "order.exploded", "data": {}}).encode()
    shop = {"X-Webhook-Secret": "a-shared-secret-here"}
    assert post("threepl", body, signed(body)) == 202
    ignored = json.dumps({"scope": "store/order/updated", "hash": "h", "data": {"id": 1}}).encode()
    assert post("bigcommerce", ignored, shop) == 202
    assert post("bigcommerce", ignored, {"X-Webhook-Secret": "another"}) == 401
    states = list(InboxMessage.objects.order_by("pk").values_list("state", "code"))
    assert states == [("parked", "unknown_topic"), ("ignored", "ignored_topic")]


def test_poison_is_parked_and_the_others_go_on(connect):
    connection = connect("threepl")
    for number, body in enumerate([b"nonsense", b"[]", BODY], 1):
        inbox.store(connection, f"m{number}", "order.accepted", {}, body)
    inbox.work(1)
    assert list(InboxMessage.objects.order_by("pk").values_list("state", "code")) == [
        ("parked", "not_json"), ("parked", "bad_shape"), ("parked", "unknown_order"),
    ]  # fmt: skip
    assert inbox.replay(list(InboxMessage.objects.values_list("pk", flat=True)), actor="user:anna") == 3


def test_secrets_are_never_shown(connect):
    connection = connect("threepl")
    secret = "key-of-the-house-1"
    assert reveal(connection.secrets, "api_key") == secret
    shown = (
        repr(connection)
        + json.dumps(connection.secrets)
        + repr(inbox.provider("threepl"))
        + repr(masked(connection))
    )
    assert secret not in shown and "se-1" in masked(connection)["api_key"]
    assert set_secrets(connection, {"api_key": ""}) == []
    assert reveal(connection.secrets, "api_key") == secret


@pytest.mark.skipif(not VECTORS.exists(), reason="the published vectors are not beside this checkout")
def test_the_published_vectors():
    vector = json.loads(VECTORS.read_text())["vectors"][0]
    headers = {
        "webhook-id": vector["id"],
        "webhook-timestamp": str(vector["timestamp"]),
        "webhook-signature": vector["signature"],
    }
    check = signatures.standard_is_genuine
    assert check(headers, vector["payload"].encode(), [vector["secret"]], now=vector["timestamp"])
    assert not check(headers, vector["payload"].encode(), [vector["secret"]], now=vector["timestamp"] + 301)
    assert Client
