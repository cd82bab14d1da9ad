from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.views.series import MOST_STEPS, Series

SPANS = st.tuples(st.floats(0, 1e4), st.floats(0, 1e4), st.floats(0, 100)).map(
    lambda each: (min(each[:2]), max(each[:2]), each[2])
)


@given(st.lists(SPANS, max_size=20))
def test_nothing_is_lost_however_long_the_run_becomes(spans: list[tuple[float, float, float]]) -> None:
    series = Series()
    for since, until, amount in spans:
        series.spread(since, until, amount)
    assert series.total == pytest.approx(sum(amount for _, _, amount in spans), abs=1e-6)
    last = max((until for _, until, _ in spans), default=0.0)
    steps = series.until(last)
    assert sum(steps) == pytest.approx(series.total)
    assert len(steps) <= MOST_STEPS


@given(st.floats(0, 1e6), st.floats(1e-3, 1e6))
def test_what_comes_evenly_fills_every_step_alike(since: float, seconds: float) -> None:
    series = Series()
    series.spread(since, since + seconds, seconds)
    steps = series.until(since + seconds)
    full = [amount for place, amount in enumerate(steps[:-1]) if place * series.step_s > since]
    assert full == pytest.approx([series.step_s] * len(full))


def test_moments_on_the_border_of_two_steps_belong_to_the_later() -> None:
    series = Series()
    series.add(0.0, 1.0)
    series.add(series.step_s, 2.0)
    assert series.until(series.step_s) == (1.0, 2.0)
