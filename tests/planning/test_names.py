from __future__ import annotations

from weft.planning.names import Names
from weft.planning.nearest import nearest
from weft.testing import task


def test_a_name_stands_for_a_task_or_for_all_members_of_a_fan_out() -> None:
    names = Names([task("a"), task("m[0]", family="m"), task("m[1]", family="m")])
    assert names.positions(["a"]) == [0]
    assert names.positions(["m"]) == [1, 2]
    assert names.positions(["m[1]", "m", "a"]) == [0, 1, 2]  # in program order, whatever the order of names


def test_names_grow_with_the_plan() -> None:
    names = Names()
    assert not names.knows("a")
    names.add(task("a"))
    assert names.knows("a")
    assert list(names) == ["a"]


def test_unknown_names_are_passed_over() -> None:
    assert Names([task("a")]).positions(["b", "a"]) == [0]


def test_among_tasks_of_one_name_the_first_is_meant() -> None:
    assert Names([task("a"), task("a")]).positions(["a"]) == [0]


def test_what_is_like_nothing_has_no_nearest_name() -> None:
    assert nearest("x", []) is None
    assert nearest("deploy", ["build", "test"]) is None
