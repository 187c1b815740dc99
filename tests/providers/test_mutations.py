"""Answers that only look like success: mutations of good ones, hundreds of them, never count as one. Needs no database."""

import pytest
from effort import examples
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from providers.adapters.batches import spread
from providers.adapters.billing import transformations as billing
from providers.adapters.threepl import transformations as threepl
from providers.errors import ProviderError, ProviderGarbage

ORDER = {"id": "3P-1", "client_key": "k", "status": "received", "reference": "FO-1"}
INVOICE = {
    "number": "INV-1",
    "client_key": "k",
    "amount_minor": 4830,
    "currency": "USD",
    "issued_at": "2026-03-02T15:00:00Z",
}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def mutated(draw, good: dict, needed: tuple[str, ...], fine: tuple[type, ...] = ()):
    """The good answer with something that it needs taken away or made another kind of thing."""
    name, bad = draw(st.sampled_from(needed)), dict(good)
    if draw(st.booleans()):
        del bad[name]
    else:
        bad[name] = draw(
            ANYTHING.filter(lambda value: type(value) not in (*fine, type(good[name])) or value == "")
        )
    return bad if draw(st.integers(0, 4)) else draw(ANYTHING)


@given(bad=mutated(ORDER, ("id",), fine=(int,)))
@effort(max_examples=examples(300), deadline=None)
def test_no_mutated_order_counts_as_taken(bad):
    with pytest.raises(ProviderGarbage):
        threepl.receipt_of("k", bad)


@given(bad=mutated(INVOICE, ("number", "amount_minor", "currency")))
@effort(max_examples=examples(500), deadline=None)
def test_no_mutated_invoice_counts_as_issued(bad):
    with pytest.raises(ProviderGarbage):
        billing.receipt_of("k", bad)


@given(key=st.text(min_size=1).filter(lambda text: text != "k"))
@effort(max_examples=examples(100), deadline=None)
def test_an_answer_about_another_is_none(key):
    for receipt, good in ((threepl.receipt_of, ORDER), (billing.receipt_of, INVOICE)):
        with pytest.raises(ProviderGarbage):
            receipt("k", {**good, "client_key": key})


@given(
    bad=ANYTHING, row=st.dictionaries(st.sampled_from(["client_key", "status", "order", "error"]), ANYTHING)
)
@effort(max_examples=examples(300), deadline=None)
def test_no_mutated_batch_counts_as_success(bad, row):
    for answer in (bad, {"results": bad}, {"results": [bad, row]}, {"results": [{**row, "client_key": "k"}]}):
        try:
            found = spread(answer, ["k"], "order", threepl.receipt_of)
        except ProviderGarbage:
            continue
        assert all(isinstance(result, ProviderError) for result in found.values())
