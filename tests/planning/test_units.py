"""Where a unit stands in program order: an atomic group where its first member does, behind its needs."""

from __future__ import annotations

from weft.model.plan import Plan
from weft.planning.graph import program_order
from weft.planning.names import Names
from weft.planning.units import Unit, one_by_one, units_of
from weft.testing import plan, task


def ordered(of: Plan) -> tuple[list[str], list[str]]:
    """Return the units, members joined, and the tasks one by one."""
    names = [each.id for each in of.tasks]
    before = [Names(of.tasks).positions(each.needs) for each in of.tasks]
    order = program_order(before)
    assert order is not None
    units = units_of(of.tasks, of.groups, before, order)
    told = ["+".join(names[member] for member in unit.members) for unit in units]
    return told, [names[position] for position in one_by_one(units, before, order)]


def test_tasks_stand_as_they_are_written() -> None:
    assert ordered(plan(task("a"), task("b"))) == (["a", "b"], ["a", "b"])


def test_a_need_that_points_forward_wins() -> None:
    assert ordered(plan(task("a", needs=["c"]), task("b"), task("c")))[1] == ["b", "c", "a"]


def test_a_group_that_is_not_atomic_is_no_unit() -> None:
    assert ordered(plan(task("a", group="g"), task("b"), task("c", group="g")))[0] == ["a", "b", "c"]


def test_an_atomic_group_stands_at_the_place_of_its_first_member() -> None:
    written = plan(task("x"), task("a", group="g"), task("y"), task("b", group="g"), atomic=["g"])
    assert ordered(written) == (["x", "a+b", "y"], ["x", "a", "b", "y"])


def test_a_group_knows_its_members_in_order() -> None:
    written = plan(task("a", group="g", needs=["b"]), task("b", group="g"), atomic=["g"])
    order = [1, 0]
    assert units_of(written.tasks, written.groups, [[1], []], order) == [Unit((1, 0), "g")]


def test_what_a_later_member_needs_comes_before_the_whole_group_and_nothing_else_does() -> None:
    written = plan(
        task("a", group="g"),
        task("other"),
        task("deep"),
        task("x", needs=["deep"]),
        task("b", group="g", needs=["x"]),
        atomic=["g"],
    )
    assert ordered(written) == (["deep", "x", "a+b", "other"], ["deep", "x", "a", "b", "other"])


def test_what_needs_one_member_and_is_needed_by_another_comes_right_after_the_group() -> None:
    """One by one it stands between the two, since it can't stand anywhere else."""
    written = plan(
        task("a", group="g"),
        task("other"),
        task("x", needs=["a"]),
        task("b", group="g", needs=["x"]),
        atomic=["g"],
    )
    assert ordered(written) == (["a+b", "x", "other"], ["a", "x", "b", "other"])


def test_two_groups_that_need_each_other_stand_in_the_order_of_their_first_members() -> None:
    written = plan(
        task("a1", group="a"),
        task("b1", group="b", needs=["a1"]),
        task("a2", group="a", needs=["b1"]),
        task("b2", group="b"),
        atomic=["a", "b"],
    )
    assert ordered(written) == (["a1+a2", "b1+b2"], ["a1", "b1", "a2", "b2"])
