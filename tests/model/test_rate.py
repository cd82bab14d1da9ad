from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.errors import UsageError
from weft.model.rate import Aimd, Rate, Window, costs_of, limit_in, too_small_for, useful_concurrency

API = Rate({"requests": "100/min", "tokens": ("40000/min", "1000000/day")})


def test_a_rate_may_be_written_in_several_ways() -> None:
    window = Window("", 100, 60.0)
    assert [Rate(100, per="1m").windows, Rate(100, per=60).windows, Rate("100/min").windows] == [
        (window,)
    ] * 3


def test_a_limit_may_have_several_windows_and_several_costs() -> None:
    assert API.windows == (
        Window("requests", 100, 60.0),
        Window("tokens", 40_000, 60.0),
        Window("tokens", 1_000_000, 86_400.0),
    )


@pytest.mark.parametrize(
    ("text", "per_s"),
    [("5/s", 1.0), ("5 / min", 60.0), ("5/hour", 3600.0), ("5/1d12h", 129_600.0), ("5/250ms", 0.25)],
)
def test_a_rate_in_one_word(text: str, per_s: float) -> None:
    assert limit_in(text) == (5, per_s)


@pytest.mark.parametrize("text", ["", "5", "5/", "/s", "0/s", "-5/s", "5/0s", "1.5/s", "5/fortnight", "²/s"])
def test_what_is_no_rate_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="is no rate; expected one such as 100/min"):
        limit_in(text)


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ({"limit": 100}, "`per` None"),
        ({"limit": 0, "per": 1.0}, "a limit of 0 units"),
        ({"limit": 10, "per": 0}, "`per` 0"),
        ({"limit": 10, "per": "soon"}, "`per` 'soon'"),
        ({"limit": 10, "per": 1.0, "burst": 11}, "a burst of 11 units; expected 1 to 10"),
        ({"limit": {}}, "a rate without a limit"),
        ({"limit": "10/s", "adapt": Aimd(decrease=1.0)}, "does not adapt"),
    ],
)
def test_a_mistake_shows_where_it_is_made(declared: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        Rate(**declared)


def test_a_cost_counts_in_every_window_of_its_name() -> None:
    assert costs_of(API, 3) == (3, 0, 0)
    assert costs_of(API, {"tokens": 800}) == (1, 800, 800)
    assert costs_of(API, {"requests": 0}) == (0, 0, 0)


@pytest.mark.parametrize(("cost", "told"), [({"token": 1}, "no cost `token`"), (-1, "a cost of -1")])
def test_a_cost_that_the_rate_does_not_know_is_told(cost: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        costs_of(API, cost)


def test_the_last_cost_that_fits_and_the_one_after_it() -> None:
    assert too_small_for(API, {"tokens": 40_000}) is None
    assert too_small_for(API, {"tokens": 40_001}) == Window("tokens", 40_000, 60.0)
    assert too_small_for(Rate(10, per=1.0, burst=2), 3) == Window("", 10, 1.0, burst=2)


@given(st.integers(1, 10_000), st.integers(1, 10_000))
def test_useful_concurrency_is_how_often_the_cost_fits_into_the_limit(limit: int, cost: int) -> None:
    assert useful_concurrency(Rate(limit, per="1m"), cost) == limit // cost


def test_useful_concurrency_is_that_of_the_tightest_window_and_none_is_set_for_what_is_free() -> None:
    assert useful_concurrency(API, {"tokens": 4000}) == 10
    assert useful_concurrency(API, 0) is None
