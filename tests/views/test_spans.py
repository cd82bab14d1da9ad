from __future__ import annotations

import pytest

from weft.views.spans import brief, in_minutes


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.0, "0 s"),
        (0.0000004, "0 µs"),
        (0.000049, "49 µs"),
        (0.00005, "0.1 ms"),
        (0.000883, "0.9 ms"),
        (0.0999, "99.9 ms"),
        (0.1, "100 ms"),
        (0.9994, "999 ms"),
        (0.9995, "1 s"),
        (7.254, "7.25 s"),
        (59.9, "59.9 s"),
        (59.96, "1 min 0 s"),
        (3599.0, "59 min 59 s"),
        (36_000.0, "10 h 0 min"),
    ],
)
def test_a_length_is_told_in_the_unit_that_a_person_would_choose(seconds: float, told: str) -> None:
    assert brief(seconds) == told


def test_an_hour_begins_after_the_last_second_of_a_minute_is_full() -> None:
    assert (in_minutes(3599.4), in_minutes(3599.6)) == ("59 min 59 s", "1 h 0 min")
