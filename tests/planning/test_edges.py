"""Which edges a plan has: what its needs, its hazards, its atomic groups and its silence ask for."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from weft.errors import PlanError
from weft.model.access import Accesses
from weft.model.group import Group
from weft.model.plan import Plan
from weft.model.reason import (
    DependencyFailed,
    Needs,
    NeedsGroup,
    NotDeclared,
    ReadAfterWrite,
    Transaction,
    WriteAfterRead,
    WriteAfterWrite,
)
from weft.planfile import loads
from weft.planning.graph import Edge
from weft.planning.prepare import prepare
from weft.testing import Sim, failed, plan, task

GOLDEN = Path(__file__).parent / "golden"


def edges(of: Plan) -> list[Edge]:
    return [edge for prepared in prepare(of).tasks for edge in prepared.edges]


def pairs(of: Plan) -> set[str]:
    """Return who comes directly before whom, such as ``{"a>b"}``; tasks have names of one letter."""
    return {f"{of.tasks[edge.before].id}>{of.tasks[edge.after].id}" for edge in edges(of)}


# Hazards


def test_each_hazard_is_an_edge_with_its_reason() -> None:
    written = plan(
        task("a", reads=["x"], writes=["y"]),
        task("b", reads=["y"], writes=["x"]),
        task("c", writes=["y"]),
        task("d", writes=["y"]),
    )
    assert edges(written) == [
        Edge(0, 1, True, ReadAfterWrite("a", "b", "y")),
        Edge(1, 2, False, WriteAfterRead("b", "c", "y")),
        Edge(2, 3, False, WriteAfterWrite("c", "d", "y")),
    ]


def test_tasks_that_share_nothing_have_no_edges() -> None:
    assert edges(plan(task("a", writes="out/*.json"), task("b", writes="out/*.csv"), task("c"))) == []


def test_an_empty_declaration_is_one() -> None:
    assert edges(plan(task("a", writes="x"), task("b", reads=[]), strict=True)) == []


def test_the_reader_of_what_a_failed_task_should_have_written_is_skipped() -> None:
    run = Sim(plan(task("a", writes="x"), task("b", reads="x"), task("c", reads="y")))
    run.finish("a", failed())
    assert run.skipped == {"b": DependencyFailed("a")}
    assert run.running == ["c"]


@pytest.mark.parametrize("earlier", [Accesses(reads=("x",)), Accesses(writes=("x",))])
def test_a_later_writer_runs_though_the_earlier_task_failed(earlier: Accesses) -> None:
    run = Sim(plan(task("a", reads=earlier.reads, writes=earlier.writes), task("b", writes="x")))
    assert run.running == ["a"]
    run.finish("a", failed())
    assert run.running == ["b"]


def test_two_writers_keep_their_order_though_one_between_them_is_skipped() -> None:
    run = Sim(
        plan(
            task("slow", writes="x"),
            task("broken", writes="y"),
            task("between", reads="y", writes="x"),
            task("last", writes="x"),
        )
    )
    run.finish("broken", failed())
    assert run.skipped == {"between": DependencyFailed("broken")}
    assert run.running == ["slow"]
    run.finish("slow")
    assert run.running == ["last"]


# Needs


def test_a_need_and_a_hazard_between_the_same_tasks_are_both_known() -> None:
    assert edges(plan(task("a", writes="x"), task("b", writes="x", needs=["a"]))) == [
        Edge(0, 1, True, Needs("a")),
        Edge(0, 1, False, WriteAfterWrite("a", "b", "x")),
    ]


def test_a_need_that_contradicts_program_order_wins() -> None:
    written = plan(task("a", reads="x", needs=["b"]), task("b", writes="x"))
    assert edges(written) == [
        Edge(1, 0, True, Needs("b")),
        Edge(1, 0, True, ReadAfterWrite("b", "a", "x")),
    ]


def test_a_need_moves_a_task_past_those_between_too() -> None:
    """`a` waits for `c`, and so `b`, which is written between them, comes first."""
    written = plan(task("a", writes="x", needs=["c"]), task("b", writes="x"), task("c"))
    assert pairs(written) == {"b>a", "c>a"}


def test_a_cycle_of_needs_is_told_without_looking_at_hazards() -> None:
    with pytest.raises(PlanError, match="`a` -> `b` -> `a`"):
        prepare(plan(task("a", needs=["b"], writes="x"), task("b", needs=["a"], reads="x")))


# Atomic groups

SWAP = (
    task("a", writes="app/", group="swap"),
    task("x", reads="app/"),
    task("y", reads="docs/"),
    task("b", writes="app/VERSION", group="swap"),
)


def test_what_conflicts_with_a_member_does_not_run_between_the_members() -> None:
    written = plan(*SWAP, atomic=["swap"])
    run = Sim(written)
    assert run.running == ["a", "y"]
    run.finish("a")
    assert run.running == ["y", "b"]
    run.finish("b")
    assert run.running == ["x", "y"]


def test_what_conflicts_with_a_member_of_a_common_group_may_run_between() -> None:
    written = msgspec.structs.replace(plan(*SWAP), groups={"swap": Group()})
    assert pairs(written) == {"a>x", "x>b"}


def test_what_conflicts_with_one_member_waits_for_all_of_them() -> None:
    written = plan(
        task("a", writes="p", group="g"),
        task("b", writes="q", group="g"),
        task("x", reads="q"),
        atomic=["g"],
    )
    assert edges(written) == [
        Edge(1, 2, True, ReadAfterWrite("b", "x", "q")),
        Edge(0, 2, False, Transaction("g")),
    ]


def test_all_members_wait_for_what_conflicts_with_one_of_them() -> None:
    written = plan(
        task("x", reads="q"),
        task("a", writes="p", group="g"),
        task("b", writes="q", group="g"),
        atomic=["g"],
    )
    assert edges(written) == [
        Edge(0, 1, False, Transaction("g")),
        Edge(0, 2, False, WriteAfterRead("x", "b", "q")),
    ]


def test_two_groups_stand_apart_as_wholes() -> None:
    written = plan(
        task("a", writes="p", group="g"),
        task("c", reads="p", group="h"),
        task("b", writes="q", group="g"),
        task("d", reads="r", group="h"),
        atomic=["g", "h"],
    )
    assert pairs(written) == {"a>c", "a>d", "b>c", "b>d"}


def test_members_keep_their_own_order_where_they_conflict_and_run_side_by_side_where_not() -> None:
    written = plan(
        task("a", writes="p", group="g"),
        task("b", writes="q", group="g"),
        task("c", reads="p", group="g"),
        atomic=["g"],
    )
    assert edges(written) == [Edge(0, 2, True, ReadAfterWrite("a", "c", "p"))]


def test_a_reader_requires_a_writer_beyond_a_group_that_only_adds() -> None:
    """The group reads and writes `log/`, but no single member hands on what the first task wrote."""
    written = plan(
        task("w", writes="log/"),
        task("a", reads="log/", group="g"),
        task("b", writes="log/", group="g"),
        task("r", reads="log/"),
        atomic=["g"],
    )
    run = Sim(written)
    run.finish("w", failed())
    assert run.skipped == {"a": DependencyFailed("w"), "r": DependencyFailed("w")}
    assert run.running == ["b"]


def test_what_a_member_needs_comes_before_the_group_though_it_is_written_after_its_first_member() -> None:
    written = plan(
        task("a", writes="app", group="g"),
        task("x", writes="app/new"),
        task("b", reads="app/new", needs=["x"], group="g"),
        atomic=["g"],
    )
    assert pairs(written) == {"x>a", "x>b", "a>b"}


def test_a_task_between_two_members_by_need_may_stand_there_where_nothing_conflicts() -> None:
    written = plan(
        task("a", writes="p", group="g"),
        task("x", needs=["a"]),
        task("b", writes="q", needs=["x"], group="g"),
        atomic=["g"],
    )
    assert pairs(written) == {"a>x", "x>b"}


def test_a_hazard_and_needs_that_contradict_each_other_are_told_with_reasons_and_the_way_out() -> None:
    text = (GOLDEN / "torn_group.yaml").read_text(encoding="utf-8")
    with pytest.raises(PlanError) as raised:
        prepare(loads(text, name="torn_group.yaml", root=GOLDEN))
    assert f"{raised.value}\n" == (GOLDEN / "torn_group.txt").read_text(encoding="utf-8")


# Groups that are needed

SURVEY = {"survey": Group(min_required=1)}


def test_of_a_group_that_is_needed_each_task_must_end_however_it_ends() -> None:
    members = [task("a", group="survey"), task("b", group="survey")]
    written = plan(*members, task("c"), task("d", needs=["c", "survey"]), groups=SURVEY)
    assert edges(written) == [
        Edge(2, 3, True, Needs("c")),
        Edge(0, 3, False, NeedsGroup("survey", "a")),
        Edge(1, 3, False, NeedsGroup("survey", "b")),
    ]
    assert [prepared.groups for prepared in prepare(written).tasks] == [(), (), (), ("survey",)]


def test_a_need_of_a_group_is_one_of_the_groups_inside_it() -> None:
    groups = {"survey": Group(), "inner": Group(group="survey")}
    written = plan(task("a", group="inner"), task("b", needs=["survey"]), groups=groups)
    assert edges(written) == [Edge(0, 1, False, NeedsGroup("survey", "a"))]


def test_where_a_fan_out_and_a_group_share_a_name_the_group_is_needed() -> None:
    fan_out = [task(f"survey[{n}]", family="survey", group="survey") for n in range(2)]
    written = plan(*fan_out, task("sum", needs=["survey"]), groups=SURVEY)
    assert [edge.required for edge in edges(written)] == [False, False]


def test_the_name_of_a_fan_out_needs_all_of_it_whatever_its_group_tolerates() -> None:
    fan_out = [task(f"survey[{n}]", family="survey", group="g") for n in range(2)]
    written = plan(*fan_out, task("sum", needs=["survey"]), groups={"g": Group(min_required=1)})
    assert [edge.required for edge in edges(written)] == [True, True]


def test_what_a_member_of_a_needed_group_writes_only_orders_the_reader() -> None:
    written = plan(
        task("a", writes="x", group="survey"), task("b", needs=["survey"], reads="x"), groups=SURVEY
    )
    assert edges(written) == [
        Edge(0, 1, False, NeedsGroup("survey", "a")),
        Edge(0, 1, False, ReadAfterWrite("a", "b", "x")),
    ]


def test_what_others_write_is_required_though_a_group_is_needed() -> None:
    members = [task("a", group="survey"), task("w", writes="x")]
    written = plan(*members, task("b", needs=["survey"], reads="x"), groups=SURVEY)
    assert Edge(1, 2, True, ReadAfterWrite("w", "b", "x")) in edges(written)


def test_a_member_of_a_needed_group_that_is_needed_by_name_is_required() -> None:
    written = plan(task("a", group="survey"), task("b", needs=["survey", "a"]), groups=SURVEY)
    assert Edge(0, 1, True, Needs("a")) in edges(written)


def test_a_group_may_be_needed_before_its_tasks_stand_in_the_plan() -> None:
    written = plan(task("b", needs=["survey"]), task("a", group="survey"), groups=SURVEY)
    assert pairs(written) == {"a>b"}


def test_a_group_of_nothing_that_is_needed_is_no_edge() -> None:
    written = plan(task("b", needs=["g"]), groups={"g": Group()})
    assert edges(written) == []
    assert prepare(written).tasks[0].groups == ("g",)


def test_groups_that_wait_for_each_other_are_a_cycle_that_is_told() -> None:
    groups = {"g": Group(), "h": Group()}
    tasks = [task("a", group="g", needs=["h"]), task("b", group="h", needs=["g"])]
    with pytest.raises(PlanError, match="these tasks wait for each other"):
        prepare(plan(*tasks, groups=groups))


def test_a_task_can_t_need_the_group_that_it_belongs_to() -> None:
    with pytest.raises(PlanError, match="`a` needs"):
        prepare(plan(task("a", group="g", needs=["g"]), groups={"g": Group()}))


# Tasks that declare nothing


def test_what_is_not_declared_runs_beside_all_others() -> None:
    assert edges(plan(task("a", writes="x"), task("b"), task("c", reads="y"))) == []


def test_in_a_strict_plan_what_is_not_declared_keeps_its_place_towards_all_others() -> None:
    written = plan(
        task("a", writes="x"), task("b", writes="y"), task("c"), task("d", reads="z"), task("e"), strict=True
    )
    assert edges(written) == [
        Edge(0, 2, False, NotDeclared("c")),
        Edge(1, 2, False, NotDeclared("c")),
        Edge(2, 3, False, NotDeclared("c")),
        Edge(2, 4, False, NotDeclared("e")),
        Edge(3, 4, False, NotDeclared("e")),
    ]


def test_a_strict_plan_without_declarations_is_a_chain() -> None:
    assert pairs(plan(*map(task, "abcd"), strict=True)) == {"a>b", "b>c", "c>d"}


def test_in_a_strict_plan_a_group_with_an_undeclared_member_stands_apart_as_a_whole() -> None:
    written = plan(
        task("x", reads="x"),
        task("a", writes="p", group="g"),
        task("b", group="g"),
        task("c", group="g"),
        task("y", reads="y"),
        atomic=["g"],
        strict=True,
    )
    run = Sim(written)
    started = []
    for name in "xabcy":
        assert run.running == [name]
        started.append(name)
        run.finish(name)
    assert started == ["x", "a", "b", "c", "y"]


def test_a_need_counts_in_a_strict_plan_too() -> None:
    assert pairs(plan(task("a", needs=["b"]), task("b"), strict=True)) == {"b>a"}
