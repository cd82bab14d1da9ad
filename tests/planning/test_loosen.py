from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st
from tests.planning.declared import conflict, declared_plans, ordered_pairs

from weft.model.reason import Needs, ReadAfterWrite
from weft.planning.loosen import loosen
from weft.planning.merges import shares_place
from weft.planning.prepare import PreparedPlan, prepare
from weft.testing import plan, task


def edges(prepared: PreparedPlan) -> list[tuple[str, str]]:
    ids = [task.task.id for task in prepared.tasks]
    return sorted({(ids[edge.before], ids[edge.after]) for after in prepared.tasks for edge in after.edges})


def test_what_an_edge_kept_in_order_stays_in_order_without_it() -> None:
    writers = prepare(plan(task("a", writes="x"), task("b", writes="x"), task("c", writes="x")))
    assert edges(writers) == [("a", "b"), ("b", "c")]
    assert edges(loosen(writers, dropped=[(1, 2)])) == [("a", "b"), ("a", "c")]


def test_what_is_read_between_does_not_hide_a_writer() -> None:
    readers = prepare(plan(task("a", writes="x"), task("b", reads="x"), task("c", writes="x")))
    assert ("a", "c") in edges(loosen(readers, dropped=[(1, 2)]))


def test_without_a_need_that_contradicts_the_plan_hazards_follow_its_order() -> None:
    prepared = prepare(plan(task("a", writes="x", needs=["b"]), task("b", reads="x")))
    assert edges(prepared) == [("b", "a")]
    assert edges(loosen(prepared, dropped=[(1, 0)])) == [("a", "b")]


def test_a_member_is_dropped_from_a_need_of_the_whole_fan_out() -> None:
    members = [task(f"m[{n}]", family="m") for n in range(2)]
    prepared = prepare(plan(task("sum", needs=["m"], writes="x"), *members, task("late", writes="x")))
    assert edges(loosen(prepared, dropped=[(1, 0)])) == [("m[1]", "sum"), ("sum", "late")]


def test_chains_are_measured_anew() -> None:
    prepared = prepare(plan(task("a", duration_s=2.0), task("b", duration_s=3.0, needs=["a"])))
    assert [task.path_s for task in loosen(prepared, dropped=[(0, 1)]).tasks] == [2.0, 3.0]


def test_a_workspace_of_its_own_lets_others_write_but_not_read() -> None:
    prepared = prepare(
        plan(
            task("first", reads="x"),
            task("own", writes="x"),
            task("user", reads="x"),
            task("last", writes="x"),
        )
    )
    # What `own` has made is brought back after `first`, and so before all that comes after `user`.
    assert edges(loosen(prepared, private=[1])) == [("own", "user"), ("user", "last")]


def test_what_was_dropped_does_not_come_back_with_the_next_change() -> None:
    prepared = prepare(
        plan(task("a", writes=["x", "y"]), task("b", reads="x", writes="y"), task("c", reads=["x", "y"]))
    )
    assert edges(prepared) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert edges(loosen(prepared, dropped=[(0, 2), (1, 2)])) == [("a", "b")]
    assert edges(loosen(prepared, dropped=[(0, 2)], private=[1])) == [("a", "b"), ("b", "c")]


@given(prepared=declared_plans())
def test_without_an_edge_the_others_keep_their_order(prepared: PreparedPlan) -> None:
    ordered = ordered_pairs(prepared)
    for link in sorted({(edge.before, edge.after) for after in prepared.tasks for edge in after.edges}):
        left = ordered_pairs(loosen(prepared, dropped=[link]))
        assert left <= ordered
        assert {pair for pair in ordered - left if conflict(prepared, *pair)} <= {link}


@given(prepared=declared_plans(), data=st.data())
def test_with_a_workspace_of_its_own_a_task_is_still_read(
    prepared: PreparedPlan, data: st.DataObject
) -> None:
    groups = prepared.plan.groups
    free = [each.position for each in prepared.tasks if not shares_place(each.task, groups)]
    assume(free)
    own = data.draw(st.sampled_from(free))
    ordered = ordered_pairs(prepared)
    left = ordered_pairs(loosen(prepared, private=[own]))
    assert left <= ordered
    for after in prepared.tasks:
        for edge in after.edges:
            if isinstance(edge.because, Needs | ReadAfterWrite):
                assert (edge.before, edge.after) in left
    assert all(own in pair for pair in ordered - left if conflict(prepared, *pair))
