"""A result comes back as it was, or is not written."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.cache.result import CannotStore, decode_result, encode_result

KEYS = st.text(max_size=4) | st.integers() | st.sampled_from(["$tuple", "$"]) | st.tuples(st.integers())
RESULTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.dictionaries(KEYS, inner, max_size=3)
        | st.sets(KEYS, max_size=3)
        | st.frozensets(KEYS, max_size=3)
    ),
)


@given(RESULTS)
def test_a_result_comes_back_as_it_was(value: Any) -> None:
    back = decode_result(encode_result(value))
    assert back == value
    assert type(back) is type(value)


def test_what_is_no_number_comes_back() -> None:
    assert math.isnan(decode_result(encode_result([float("nan")]))[0])


def test_a_name_that_is_no_text_comes_back() -> None:
    assert decode_result(encode_result("\udcff")) == "\udcff"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (object(), "it is of the type object"),
        ({"a": [1, Path("x")]}, r"it\['a'\]\[1\] is of the type pathlib.*PosixPath"),
        pytest.param(10**10_000, "digits", id="a long number"),
    ],
)
def test_what_has_no_form_is_named(value: Any, message: str) -> None:
    with pytest.raises(CannotStore, match=message):
        encode_result(value)


def test_what_holds_itself_is_not_written() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(CannotStore):
        encode_result(value)


@pytest.mark.parametrize("content", [b"", b"{", b'{"$other": 1}', b'{"$tuple": 1}', b"[" * 100_000])
def test_what_is_no_result_is_not_taken_for_one(content: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # the sentences are Python's
        decode_result(content)
