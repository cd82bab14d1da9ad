from __future__ import annotations

from weft.planning.prepare import prepare
from weft.planning.priority import UNKNOWN_S, remaining_paths
from weft.testing import plan, task


def test_a_task_alone_is_as_long_as_it_takes() -> None:
    assert remaining_paths([3.0], [[]], [0]) == [3.0]


def test_the_longest_chain_counts_and_not_the_sum_of_all() -> None:
    assert remaining_paths([1.0, 5.0, 2.0, 2.0], [[], [0], [0], [2]], [0, 1, 2, 3]) == [6.0, 5.0, 4.0, 2.0]


def test_without_durations_the_longest_chain_counts_tasks() -> None:
    chain = prepare(plan(task("a"), task("b", needs=["a"]), task("c", needs=["b"]), task("d")))
    assert [prepared.path_s for prepared in chain.tasks] == [
        3 * UNKNOWN_S,
        2 * UNKNOWN_S,
        UNKNOWN_S,
        UNKNOWN_S,
    ]


def test_a_duration_of_nothing_is_not_an_unknown_one() -> None:
    paths = [prepared.path_s for prepared in prepare(plan(task("a", duration_s=0.0), task("b"))).tasks]
    assert paths == [0.0, UNKNOWN_S]


def test_a_need_of_what_stands_later_counts_as_well() -> None:
    prepared = prepare(plan(task("b", needs=["a"], duration_s=2.0), task("a", duration_s=1.0)))
    assert [one.path_s for one in prepared.tasks] == [2.0, 3.0]
