"""What becomes due when, held against a plain dictionary."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weft.scheduling.deadlines import Deadlines, Due

MOMENTS = st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, 3.0])
KEYS = st.tuples(st.sampled_from(Due), st.integers(0, 3))
DEEDS = st.lists(
    st.tuples(KEYS, MOMENTS)  # set
    | st.tuples(KEYS, st.none())  # drop
    | st.tuples(st.none(), MOMENTS),  # let time pass
    max_size=60,
)


def due_in(model: dict[tuple[Due, int], float], now: float) -> list[tuple[Due, int]]:
    """Take out of ``model`` what is due by ``now``, first the earlier, of those of one moment by kind."""
    reached = sorted((moment, *key) for key, moment in model.items() if moment <= now)
    for _, due, number in reached:
        del model[due, number]
    return [(due, number) for _, due, number in reached]


@given(DEEDS)
def test_deadlines_do_what_a_dictionary_does(
    deeds: list[tuple[tuple[Due, int] | None, float | None]],
) -> None:
    deadlines = Deadlines()
    model: dict[tuple[Due, int], float] = {}
    for key, moment in deeds:
        if key is None:
            assert moment is not None
            assert list(deadlines.reached(moment)) == due_in(model, moment)
        elif moment is None:
            deadlines.drop(*key)
            model.pop(key, None)
        else:
            deadlines.set(*key, moment)
            model[key] = moment
            assert deadlines.moment(*key) == moment
        assert deadlines.next() == min(model.values(), default=None)
        assert len(deadlines) == len(model)
        for due in Due:
            assert sorted(deadlines.numbers(due)) == sorted(n for kind, n in model if kind is due)


def test_a_deadline_that_is_set_again_comes_once_at_its_new_moment() -> None:
    deadlines = Deadlines()
    deadlines.set(Due.KILL, 1, 1.0)
    deadlines.set(Due.KILL, 1, 3.0)
    assert list(deadlines.reached(2.0)) == []
    assert list(deadlines.reached(3.0)) == [(Due.KILL, 1)]
    assert list(deadlines.reached(3.0)) == []


def test_of_what_is_due_at_one_moment_the_run_comes_first_and_a_retry_last() -> None:
    deadlines = Deadlines()
    for due in reversed(Due):
        deadlines.set(due, 0, 1.0)
    assert [due for due, _ in deadlines.reached(1.0)] == list(Due)
    assert list(Due) == sorted(Due)
    assert (min(Due), max(Due)) == (Due.RUN_TIMEOUT, Due.RETRY)


def test_what_is_set_and_dropped_while_deadlines_are_reached_counts() -> None:
    deadlines = Deadlines()
    for number in (1, 2, 3):
        deadlines.set(Due.RETRY, number, float(number))
    found = []
    for due, number in deadlines.reached(3.0):
        found.append(number)
        if number == 1:
            deadlines.drop(due, 2)
            deadlines.set(due, 7, 2.5)
    assert found == [1, 7, 3]


def test_memory_is_bounded_by_what_is_due_and_not_by_what_was() -> None:
    deadlines = Deadlines()
    deadlines.set(Due.RUN_TIMEOUT, 0, 1e6)
    for number in range(100_000):
        deadlines.set(Due.ATTEMPT_TIMEOUT, number, 1e3 + number)
        deadlines.drop(Due.ATTEMPT_TIMEOUT, number)
        assert len(deadlines._heap) < 100
    assert deadlines.next() == 1e6
