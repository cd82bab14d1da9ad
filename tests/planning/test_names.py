from __future__ import annotations

from weft.model.group import Group
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


def test_a_name_stands_for_all_tasks_of_a_group_and_of_the_groups_inside_it() -> None:
    groups = {"g": Group(), "inner": Group(group="g"), "empty": Group()}
    names = Names([task("a", group="inner"), task("b"), task("c", group="g")], groups)
    assert names.positions(["g"]) == [0, 2]
    assert names.positions(["inner"]) == [0]
    assert names.positions(["empty"]) == []
    assert list(names) == ["a", "b", "c", "g", "inner", "empty"]
    assert names.groups_among(names) == ("g", "inner", "empty")
    assert names.knows("empty")


def test_groups_grow_with_the_plan() -> None:
    names = Names(groups={"g": Group()})
    names.add(task("a"))
    names.add(task("b", group="g"))
    assert names.positions(["g"]) == [1]


def test_where_a_fan_out_and_a_group_share_a_name_the_group_is_meant() -> None:
    fan_out = [task(f"survey[{n}]", family="survey", group="survey") for n in range(2)]
    names = Names([*fan_out, task("extra", group="survey")], {"survey": Group()})
    assert names.groups_among(["survey", "extra"]) == ("survey",)
    assert names.positions(["survey"]) == [0, 1, 2]
    assert names.alone("survey") == [0, 1]


def test_a_task_in_a_group_that_is_not_declared_belongs_to_none() -> None:
    names = Names([task("a", group="g")])
    assert not names.knows("g")
    assert names.positions(["g"]) == []


def test_groups_that_hold_each_other_are_walked_once() -> None:
    names = Names([task("a", group="g")], {"g": Group(group="h"), "h": Group(group="g")})
    assert (names.positions(["g"]), names.positions(["h"])) == ([0], [0])


def test_unknown_names_are_passed_over() -> None:
    assert Names([task("a")]).positions(["b", "a"]) == [0]


def test_among_tasks_of_one_name_the_first_is_meant() -> None:
    assert Names([task("a"), task("a")]).positions(["a"]) == [0]


def test_what_is_like_nothing_has_no_nearest_name() -> None:
    assert nearest("x", []) is None
    assert nearest("deploy", ["build", "test"]) is None
