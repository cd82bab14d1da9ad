from __future__ import annotations

from typing import Any

from weft.model.access import Accesses
from weft.model.group import Group
from weft.model.plan import Plan
from weft.model.reason import NotDeclared, WriteAfterRead, WriteAfterWrite
from weft.model.task import Task
from weft.model.unlock import Declare
from weft.model.workspace import Merge, MergeAt, MergePolicy, Workspace, WorkspaceKind
from weft.planning.decision import Decision, Verdict, decide
from weft.planning.merges import with_workspaces
from weft.planning.prepare import prepare
from weft.testing import plan, task

COPY, DIRECTORY, SHARED = (
    Workspace(kind) for kind in (WorkspaceKind.COPY, WorkspaceKind.DIRECTORY, WorkspaceKind.SHARED)
)
LAST, FIRST = Merge(MergePolicy.LAST), Merge(MergePolicy.FIRST)


def whole(
    *tasks: Task, workspace: Workspace | None = None, merge: Merge | None = None, **groups: Any
) -> Plan:
    return with_workspaces(Plan(tasks, groups=groups, workspace=workspace, merge=merge))


def private(id: str, writes: str | None = "x", **declared: Any) -> Task:
    return task(id, writes=writes, workspace=WorkspaceKind.COPY, **declared)


def starts(prepared_plan: Plan) -> dict[str, list[str]]:
    """Return what comes before each task's start, where there is something."""
    tasks = prepare(prepared_plan).tasks
    found = {after.task.id: sorted({tasks[edge.before].task.id for edge in after.edges}) for after in tasks}
    return {name: before for name, before in found.items() if before}


def merges(prepared_plan: Plan) -> dict[str, list[str]]:
    """Return what comes before the merge of each task, and not before its start, where there is something."""
    tasks = prepare(prepared_plan).tasks
    found = {after.task.id: [tasks[edge.before].task.id for edge in after.merges_after] for after in tasks}
    return {name: before for name, before in found.items() if before}


def verdict(first: str, second: str, *tasks: Task, **declared: Any) -> Decision:
    prepared = prepare(plan(*tasks, **declared))
    names = [each.task.id for each in prepared.tasks]
    return decide(prepared, names.index(first), names.index(second), 5)


# Whose workspace holds


def test_a_task_has_its_own_workspace_else_that_of_the_innermost_group_else_of_the_plan() -> None:
    groups = {"in": Group(group="out"), "out": Group(workspace=COPY), "bare": Group()}
    tasks = [task("own", group="in", workspace=SHARED), task("in", group="in"), task("bare", group="bare")]
    told = with_workspaces(Plan((*tasks, task("alone")), groups=groups, workspace=DIRECTORY))
    assert [each.workspace for each in told.tasks] == [SHARED, COPY, DIRECTORY, DIRECTORY]


def test_how_it_is_merged_is_found_likewise_and_by_itself() -> None:
    groups = {"in": Group(group="out"), "out": Group(merge=FIRST)}
    tasks = [task("own", group="in", merge=MergePolicy.UNION), task("in", group="in"), task("alone")]
    told = with_workspaces(Plan(tuple(tasks), groups=groups, workspace=COPY, merge=LAST))
    policies = [each.merge.policy for each in told.tasks if each.merge is not None]
    assert policies == [MergePolicy.UNION, MergePolicy.FIRST, MergePolicy.LAST]


def test_without_a_word_on_it_work_is_merged_when_the_task_has_ended_or_it_fails() -> None:
    told = whole(task("a", workspace=WorkspaceKind.COPY))
    assert told.tasks[0].merge == Merge(MergePolicy.FAIL, at=MergeAt.TASK)


def test_who_works_in_the_plans_directory_has_nothing_to_merge() -> None:
    told = whole(task("a"), task("b", workspace=WorkspaceKind.SHARED), merge=LAST)
    assert [each.merge for each in told.tasks] == [None, None]


def test_a_plan_that_says_nothing_of_workspaces_stays_as_it_is() -> None:
    said_nothing = plan(task("a", group="g"), groups={"g": Group(merge=LAST)})
    assert with_workspaces(said_nothing) is said_nothing


def test_to_find_them_twice_changes_nothing() -> None:
    late = Group(workspace=COPY, merge=Merge(at=MergeAt.GROUP))
    told = whole(task("a", group="g", writes="x"), task("b", writes="y"), workspace=COPY, g=late)
    assert with_workspaces(told) == told


def test_work_of_a_task_outside_all_groups_is_merged_with_the_run_at_the_latest() -> None:
    told = whole(private("a", merge=MergeAt.GROUP))
    assert [each.id for each in told.tasks] == ["a", "merge of the run"]


# Tasks that merge


def test_a_group_is_merged_after_its_last_member_and_the_run_after_all() -> None:
    late = Group(workspace=COPY, merge=Merge(at=MergeAt.GROUP))
    tasks = [task("a", group="g"), private("b", merge=MergeAt.RUN), task("c", group="g"), task("d")]
    told = whole(*tasks, g=late)
    assert [each.id for each in told.tasks] == ["a", "b", "c", "merge of g", "d", "merge of the run"]


def test_what_merges_writes_what_was_written() -> None:
    late = Group(workspace=COPY, merge=Merge(at=MergeAt.GROUP))
    tasks = [task("a", group="g", writes=["x", "y"], reads="r"), task("b", group="g", writes=["y", "z"])]
    assert whole(*tasks, g=late).tasks[-1].accesses == Accesses(writes=("x", "y", "z"))
    assert whole(*tasks, task("c", group="g"), g=late).tasks[-1].accesses is None


def test_members_of_an_atomic_group_with_a_workspace_are_merged_with_it_whatever_they_say() -> None:
    told = whole(task("a", group="g", merge=MergePolicy.LAST), g=Group(atomic=True, workspace=COPY))
    assert told.tasks[0].merge == Merge(MergePolicy.LAST, at=MergeAt.GROUP)
    assert [each.id for each in told.tasks] == ["a", "merge of g"]


def test_who_needs_the_group_needs_its_merge() -> None:
    tasks = [task("a", group="g"), task("user", needs=["g"])]
    late = Group(workspace=COPY, merge=Merge(at=MergeAt.GROUP))
    assert starts(plan(*tasks, groups={"g": late})) == {"merge of g": ["a"], "user": ["a", "merge of g"]}


# What keeps whose order


def test_who_works_apart_may_write_what_others_still_read_and_write() -> None:
    apart = plan(task("reads", reads="x"), task("writes", writes="x"), private("a"))
    assert starts(apart) == {"writes": ["reads"]}
    assert merges(apart) == {"a": ["writes"]}


def test_who_comes_after_it_waits_for_its_merge() -> None:
    assert starts(plan(private("a"), task("reads", reads="x"))) == {"reads": ["a"]}
    assert starts(plan(private("a"), task("writes", writes="x"))) == {"writes": ["a"]}


def test_who_works_apart_still_reads_what_others_have_written() -> None:
    reader = task("reads", reads="x", writes="y", workspace=WorkspaceKind.COPY)
    assert starts(plan(task("writes", writes="x"), reader)) == {"reads": ["writes"]}


def test_two_that_write_the_same_apart_are_merged_in_order() -> None:
    both = plan(private("a"), private("b"), private("other", "y"))
    assert (starts(both), merges(both)) == ({}, {"b": ["a"]})


def test_those_of_which_nobody_knows_are_merged_between_all_others() -> None:
    unknown = plan(private("a"), private("b", None), private("c", "y"), private("d", "z"))
    assert (starts(unknown), merges(unknown)) == ({}, {"b": ["a"], "c": ["b"], "d": ["b"]})


def test_what_is_merged_later_is_in_nobodys_way_until_then() -> None:
    late = plan(private("a", merge=MergeAt.RUN), task("b", writes="x"), task("c", reads="x"))
    assert starts(late) == {"c": ["b"], "merge of the run": ["a", "b", "c"]}


def test_an_atomic_group_in_one_place_keeps_its_members_in_order_and_others_out() -> None:
    group = Group(atomic=True, workspace=COPY)
    tasks = [task("a", writes="x", group="g"), task("b", reads="x", group="g"), task("c", reads="x")]
    found = starts(plan(*tasks, groups={"g": group}))
    assert found["b"] == ["a"]
    assert "merge of g" in found["c"]


def test_an_atomic_group_in_one_place_does_not_wait_for_strangers_in_a_strict_plan() -> None:
    group = Group(atomic=True, workspace=COPY)
    tasks = [task("s", writes="y"), task("a", writes="x", group="g"), task("b", writes="z", group="g")]
    assert starts(plan(*tasks, strict=True, groups={"g": group})) == {"merge of g": ["a", "b"]}


def test_in_a_strict_plan_who_declares_nothing_is_kept_apart_wherever_it_works() -> None:
    assert starts(plan(private("a"), private("b", None), private("c", "y"), strict=True)) == {
        "b": ["a"],
        "c": ["b"],
    }


# Verdicts


def test_a_verdict_tells_which_hazards_a_workspace_has_lifted() -> None:
    found = verdict("reads", "a", task("reads", reads="x", writes="x"), private("a"))
    assert (found.verdict, found.rules) == (Verdict.PARALLEL, ())
    assert set(found.lifted) == {WriteAfterRead("reads", "a", "x"), WriteAfterWrite("reads", "a", "x")}


def test_two_of_which_a_merge_keeps_the_order_are_told_by_it() -> None:
    """`late` starts when `b` was brought back, and so when `a` was."""
    tasks = [private("a", None), private("b", None), task("late", reads=[], needs=["b"])]
    found = verdict("a", "late", *tasks)
    assert found.verdict is Verdict.SEQUENTIAL
    first, second = found.chain
    assert (first.before, first.after, first.sole) == ("a", "b", True)
    assert [rule.because for rule in first.rules] == [NotDeclared("b")]
    assert (second.before, second.after) == ("b", "late")


def test_nobody_is_told_to_declare_what_a_merge_writes() -> None:
    tasks = [private("a", None, merge=MergeAt.RUN), task("b", writes="y")]
    found = verdict("b", "merge of the run", *tasks)
    assert Declare("merge of the run") not in [unlock for rule in found.rules for unlock in rule.unlocks]
