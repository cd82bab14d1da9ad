"""What follows for a task from the end of those before it."""

from __future__ import annotations

import pytest

from weft.model.plan import Plan
from weft.model.priority import HIGH
from weft.model.reason import CancelAsked, DependencyCancelled, DependencyFailed, DependencyPending, Needs
from weft.model.task import Task
from weft.planning.graph import Edge
from weft.planning.prepare import PreparedTask
from weft.scheduling.facts import TaskEnded
from weft.testing import Sim, cancelled, failed, plan, succeeded, task

DIAMOND = plan(
    task("root"),
    task("left", needs=["root"]),
    task("right", needs=["root"]),
    task("tip", needs=["left", "right"]),
)


def test_a_diamond_runs_its_root_once_and_all_wait_for_it() -> None:
    run = Sim(DIAMOND)
    assert run.running == ["root"]
    run.finish("root")
    assert run.running == ["left", "right"]
    run.finish("left")
    assert run.running == ["right"]
    run.finish("right")
    assert run.running == ["tip"]
    assert run.started == ["root", "left", "right", "tip"]


def test_a_shared_dependency_that_fails_fails_all_its_dependents() -> None:
    run = Sim(plan(task("a"), *[task(name, needs=["a"]) for name in "bcd"], task("e")))
    run.finish("a", failed())
    assert run.skipped == dict.fromkeys("bcd", DependencyFailed("a"))
    assert run.running == ["e"]


def test_two_dependencies_that_fail_at_the_same_instant_fire_the_skip_once() -> None:
    run = Sim(plan(task("a"), task("b"), task("c", needs=["a", "b"])))
    run.finish("a", failed())
    run.finish("b", failed())
    ends = [fact for fact in run.facts if isinstance(fact, TaskEnded) and fact.task == 2]
    assert len(ends) == 1
    assert run.skipped == {"c": DependencyFailed("a")}


def test_a_task_that_is_skipped_along_two_ways_is_skipped_once() -> None:
    run = Sim(DIAMOND)
    run.finish("root", failed())
    assert len([fact for fact in run.facts if isinstance(fact, TaskEnded)]) == 4


def test_a_success_is_recorded_even_if_a_sibling_failed_first() -> None:
    run = Sim(DIAMOND)
    run.finish("root")
    run.finish("left", failed())
    run.finish("right", succeeded(7))
    assert run.outcomes["right"] == succeeded(7)
    assert run.skipped == {"tip": DependencyFailed("left")}


def test_skipped_tasks_name_the_first_cause_and_not_the_last_link_of_the_chain() -> None:
    run = Sim(plan(task("a"), task("b", needs=["a"]), task("c", needs=["b"]), task("d", needs=["c"])))
    run.finish("a", failed())
    assert run.skipped == dict.fromkeys("bcd", DependencyFailed("a"))


def test_what_needs_a_cancelled_task_is_skipped_for_that_reason() -> None:
    run = Sim(plan(task("a"), task("b", needs=["a"]), task("c", needs=["b"])))
    run.cancel("b")
    assert run.skipped == {"c": DependencyCancelled("b")}


def test_a_task_may_need_one_that_stands_after_it() -> None:
    run = Sim(plan(task("b", needs=["a"]), task("a")))
    assert run.running == ["a"]
    run.finish("a")
    assert run.running == ["b"]
    assert list(run.outcomes) == ["a"]


def test_a_need_of_a_fan_out_waits_for_all_its_members() -> None:
    members = [task(f"survey[{n}]", family="survey") for n in range(3)]
    run = Sim(plan(*members, task("sum", needs=["survey"])))
    run.finish("survey[0]")
    run.finish("survey[2]")
    assert run.waiting("sum") == (DependencyPending("survey[1]"),)
    run.finish("survey[1]")
    assert run.running == ["sum"]


def test_a_waiting_task_names_all_that_it_waits_for() -> None:
    run = Sim(plan(task("a"), task("b"), task("c", needs=["a", "b"])))
    assert run.waiting("c") == (DependencyPending("a"), DependencyPending("b"))
    run.finish("a")
    assert run.waiting("c") == (DependencyPending("b"),)


def test_outcomes_stand_in_plan_order_whatever_ends_first() -> None:
    run = Sim(plan(*[task(name) for name in "abc"]))
    for name in "cab":
        run.finish(name)
    assert list(run.outcomes) == ["a", "b", "c"]


# Tasks that come late


def test_a_late_task_that_needs_one_which_succeeded_starts_at_once() -> None:
    run = Sim(plan(task("a")))
    run.finish("a")
    run.submit(task("b", needs=["a"]))
    assert run.running == ["b"]


def test_a_late_task_that_needs_one_which_failed_is_skipped_with_the_first_cause() -> None:
    run = Sim(plan(task("a"), task("b", needs=["a"])))
    run.finish("a", failed())
    run.submit(task("c", needs=["b"]), task("d", needs=["c"]))
    assert run.skipped == dict.fromkeys("bcd", DependencyFailed("a"))


def test_a_late_task_that_needs_one_which_was_cancelled_is_skipped() -> None:
    run = Sim(plan(task("a")))
    run.cancel("a")
    run.finish("a", cancelled())
    run.submit(task("b", needs=["a"]))
    assert run.outcomes["a"] == cancelled(CancelAsked())
    assert run.skipped == {"b": DependencyCancelled("a")}


def test_a_late_task_that_needs_one_which_runs_waits_for_it() -> None:
    run = Sim(plan(task("a")))
    run.submit(task("b", needs=["a"], priority=HIGH))
    assert run.running == ["a"]
    run.finish("a")
    assert run.running == ["b"]


def test_late_tasks_may_need_each_other_in_any_order() -> None:
    run = Sim(Plan())
    run.submit(task("c", needs=["b"]), task("b", needs=["a"]), task("a"))
    assert run.running == ["a"]


# Edges that only order


def edge(before: int, after: int, *, required: bool) -> Edge:
    return Edge(before, after, required, Needs("whatever"))


def test_an_edge_that_only_orders_lets_the_later_task_run_though_the_earlier_failed() -> None:
    run = Sim(plan(task("a")))
    run.submit_prepared((PreparedTask(1, task("b"), (edge(0, 1, required=False),)),))
    assert run.running == ["a"]
    run.finish("a", failed())
    assert run.running == ["b"]


@pytest.mark.parametrize("first", [0, 1])
def test_a_late_task_is_skipped_though_an_edge_that_only_orders_is_met_in_the_same_step(first: int) -> None:
    """Two late tasks need what failed, and one of them comes after the other too."""
    run = Sim(plan(task("a")))
    run.finish("a", failed())
    names = ["b", "c"]
    later = 2 - first
    edges: dict[int, list[Edge]] = {1: [edge(0, 1, required=True)], 2: [edge(0, 2, required=True)]}
    edges[later].append(edge(3 - later, later, required=False))
    run.submit_prepared(
        tuple(PreparedTask(at, task(name), tuple(edges[at])) for at, name in enumerate(names, start=1))
    )
    assert run.skipped == dict.fromkeys(names, DependencyFailed("a"))


def chain_over_one_that_needs(broken: Task) -> Sim:
    """`a` runs; `b` comes after `a` and requires ``broken``; `c` comes after `b`."""
    run = Sim(plan(task("a"), broken))
    run.submit_prepared(
        (
            PreparedTask(2, task("b"), (edge(0, 2, required=False), edge(1, 2, required=True))),
            PreparedTask(3, task("c"), (edge(2, 3, required=False),)),
        )
    )
    return run


def test_an_order_holds_over_a_task_that_is_skipped() -> None:
    run = chain_over_one_that_needs(task("broken"))
    run.finish("broken", failed())
    assert run.skipped == {"b": DependencyFailed("broken")}
    assert run.waiting("c") == (DependencyPending("a"),)
    run.finish("a")
    assert run.running == ["c"]


def test_an_order_holds_over_a_task_that_is_taken_back() -> None:
    run = chain_over_one_that_needs(task("broken"))
    run.cancel("b")
    assert run.outcomes == {"b": cancelled()}
    assert run.waiting("c") == (DependencyPending("a"), DependencyPending("broken"))
    run.finish("a")
    run.finish("broken")
    assert run.running == ["c"]


def test_a_late_task_waits_over_one_that_was_skipped() -> None:
    run = chain_over_one_that_needs(task("broken"))
    run.finish("broken", failed())
    run.submit_prepared((PreparedTask(4, task("late"), (edge(2, 4, required=False),)),))
    assert run.waiting("late") == (DependencyPending("a"),)
    run.finish("a", failed())
    assert run.running == ["c", "late"]
