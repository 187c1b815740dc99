"""Flow files: what goes out comes in again the same; what is wrong with a file is named by its path."""

import json
from pathlib import Path

import pytest

from inventory.models import FulfillmentSource
from orchestration.errors import NotPublishable
from orchestration.models import Flow, Policy
from orchestration.services import documents, publishing

FILE = Path("orchestration/flows/order_to_invoice.json")


@pytest.fixture
def document():
    return json.loads(FILE.read_text())


@pytest.fixture
def sources(known):
    for code in ("DC-RNO", "DC-CMH"):
        FulfillmentSource.objects.create(code=code, name=code)


def faults(text):
    with pytest.raises(NotPublishable) as caught:
        documents.read(text if isinstance(text, str | bytes) else json.dumps(text))
    return dict(caught.value.problems)


def test_a_round_trip_is_identical_and_policies_travel_along(document, sources):
    flow = publishing.import_flow(documents.read(FILE.read_bytes()), actor="test")
    first = publishing.export_flow(flow)
    Flow.objects.all().delete()
    for policy in Policy.objects.all():
        policy.versions.all().delete()
        policy.delete()

    again = publishing.export_flow(publishing.import_flow(documents.read(json.dumps(first)), actor="test"))

    assert again == first
    assert {name: again[name] for name in ("schema", "key", "name", "entry", "steps")} == {
        name: document[name] for name in ("schema", "key", "name", "entry", "steps")
    }
    assert {policy["key"] for policy in again["policies"]} == {
        policy["key"] for policy in document["policies"]
    }


def test_every_fault_has_its_path(document):
    document["steps"][0]["action"] = 7
    document["steps"][1]["no"][0]["colour"] = "red"
    document["policies"][0]["combine"] = "some"

    found = faults(document)

    assert found["steps[0].action"] == "7 is not of type 'string'"
    assert "'colour' was unexpected" in found["steps[1].no[0]"]
    assert "'some' is not one of" in found["policies[0].combine"]


@pytest.mark.parametrize(
    ("text", "where", "sentence"),
    [
        (b"\xff\xfe{", "file", "not a JSON file"),
        ("key: &a [*a, *a]", "file", "not a JSON file"),
        ("[" * 100_000, "file", "not a JSON file"),
        ("[" * 500 + "]" * 500, "file", "nested deeper"),
        ("[]", "file", "is not of type 'object'"),
        ('{"schema": 2, "key": "x"}', "schema", "another version"),
    ],
)
def test_what_is_no_flow_is_refused(text, where, sentence):
    assert sentence in faults(text)[where]


def test_ten_thousand_steps_are_refused(document):
    step = document["steps"][0]
    document["steps"] = [{**step, "key": f"s{n}"} for n in range(10_000)]

    assert faults(document) == {"steps": "has more than 300 steps"}


def test_a_file_that_is_refused_changes_nothing(document, sources):
    document["policies"][-1]["rules"][0]["condition"] = {
        "field": "source.type; drop",
        "op": "equals",
        "value": 1,
    }

    with pytest.raises(NotPublishable):
        publishing.import_flow(document, actor="test")
    assert (Flow.objects.count(), Policy.objects.count()) == (0, 0)
