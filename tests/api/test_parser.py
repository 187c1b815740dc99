"""What the JSON parser lets through and what it refuses, each with its code."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iom.lib.api.errors import Problem
from iom.lib.api.parsers import MAX_BYTES, read_object


def refusal(raw: bytes) -> tuple[int, str]:
    with pytest.raises(Problem) as caught:
        read_object(raw)
    return caught.value.status_code, caught.value.code


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b"", 400, "empty_body"),
        (b"  \n", 400, "empty_body"),
        (b"[]", 400, "object_expected"),
        (b'"x"', 400, "object_expected"),
        (b'{"a":1', 400, "bad_json"),
        (b'{"a":1}{"b":2}', 400, "bad_json"),
        (b'{"a":1,"a":2}', 400, "duplicate_key"),
        (b'{"a":{"b":1,"b":1}}', 400, "duplicate_key"),
        (b'{"a":NaN}', 400, "bad_number"),
        (b'{"a":-Infinity}', 400, "bad_number"),
        (b'{"a":1e400}', 400, "bad_number"),
        (b'{"a":1e999999999}', 400, "bad_number"),
        (b'{"a":1e-999999999}', 400, "bad_number"),
        (b'{"a":' + b"9" * 5000 + b"}", 400, "bad_number"),
        (b'{"a":0.' + b"9" * 50 + b"}", 400, "bad_number"),
        (b"\xef\xbb\xbf{}", 400, "bad_encoding"),
        ('{"a":1}'.encode("utf-16"), 400, "bad_encoding"),
        ('{"a":1}'.encode("utf-16-le"), 400, "bad_encoding"),
        ('{"a":1}'.encode("utf-16-be"), 400, "bad_encoding"),
        ('{"a":1}'.encode("utf-32"), 400, "bad_encoding"),
        (b'{"a":"\xff"}', 400, "bad_encoding"),
        (b'{"a":"\\u0000"}', 400, "bad_text"),
        (b'{"a":["x",{"b":"\\ud800"}]}', 400, "bad_text"),
        (b'{"a":"\\uDfff x"}', 400, "bad_text"),
        (b'{"\\u0000":1}', 400, "bad_text"),
        (b'{"a":' * 32 + b"1" + b"}" * 32, 200, ""),
        (b'{"a":' * 33 + b"1" + b"}" * 33, 400, "too_deep"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "too_deep"),
        (b'{"a":"' + b"x" * MAX_BYTES + b'"}', 413, "body_too_large"),
        (b'{"a":[' + b",".join(b'{"k":1,"l":2}' for _ in range(110_000)) + b"]}", 413, "too_many_keys"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_bad_bodies_are_refused_by_name(raw, status, code):
    if status == 200:
        assert read_object(raw)
    else:
        assert refusal(raw) == (status, code)


def test_bad_text_names_its_place():
    with pytest.raises(Problem) as caught:
        read_object(b'{"lines":[{"sku":"A"},{"sku":"B\\u0000"}]}')

    assert [row["field"] for row in caught.value.errors] == ["lines[1].sku"]


def test_text_that_only_looks_harmful_passes():
    assert read_object(b'{"a":"\\ud83d\\ude00","b":"\\\\u0000"}') == {"a": "\U0001f600", "b": "\\u0000"}


def test_numbers_with_a_point_are_exact():
    assert str(read_object(b'{"a":19.990}')["a"]) == "19.990"


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused(raw):
    try:
        assert isinstance(read_object(raw), dict)
    except Problem as problem:
        assert problem.status_code in (400, 413)
