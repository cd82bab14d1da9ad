from __future__ import annotations

from typing import Any

import pytest

from weft.errors import PlanError
from weft.model.group import Group
from weft.model.plan import Plan
from weft.model.task import Task
from weft.model.workspace import Merge, MergeAt, MergePolicy, Workspace, WorkspaceKind
from weft.planning.prepare import prepare
from weft.testing import plan, task

COPY, DIRECTORY = WorkspaceKind.COPY, WorkspaceKind.DIRECTORY


def problems(plan: Plan) -> list[tuple[tuple[str | int, ...], str]]:
    """Return what is wrong with ``plan``: where, and what."""
    try:
        prepare(plan)
    except PlanError as error:
        return [(problem.path, problem.message) for problem in error.problems]
    return []


def of_one(**declared: Any) -> list[tuple[tuple[str | int, ...], str]]:
    return problems(plan(task("a", **declared)))


def member(id: str, **declared: Any) -> Task:
    return task(id, group="g", **declared)


# One task


def test_a_workspace_with_all_that_its_kind_takes_is_none_of_these() -> None:
    place = Workspace(COPY, ("src/",), ("*.o",), "make", ("data/",), ("http", "admin-api"))
    assert of_one(workspace=place, merge=Merge(MergePolicy.COMMAND, "meld", MergeAt.RUN)) == []
    assert of_one(workspace=Workspace(readonly=("data/",), ports=("http",), setup="make")) == []


def test_there_is_nothing_to_merge_where_nobody_works_apart() -> None:
    message = "task `a` has a `merge`, and works in the plan's own directory"
    assert of_one(merge=MergePolicy.LAST) == [(("tasks", "a", "merge"), message)]
    assert of_one(merge=MergePolicy.LAST, workspace=WorkspaceKind.SHARED) == [
        (("tasks", "a", "merge"), message)
    ]


@pytest.mark.parametrize("kind", [WorkspaceKind.SHARED, DIRECTORY])
def test_only_a_copy_includes_files(kind: WorkspaceKind) -> None:
    assert of_one(workspace=Workspace(kind, include=("src/",))) == [
        (("tasks", "a", "workspace", "include"), "task `a` includes files in a workspace that is no copy")
    ]


def test_what_is_no_pattern_is_told_with_its_place() -> None:
    found = of_one(workspace=Workspace(COPY, include=("ok", "[x"), readonly=("",)))
    assert [path for path, _ in found] == [
        ("tasks", "a", "workspace", "include", 1),
        ("tasks", "a", "workspace", "readonly", 0),
    ]


@pytest.mark.parametrize("name", ["", "1st", "a b", "a.b", "ä", "http\n"])
def test_a_port_has_a_name_that_makes_a_variable(name: str) -> None:
    found = of_one(workspace=Workspace(ports=("http", name)))
    assert [path for path, _ in found] == [("tasks", "a", "workspace", "ports", 1)]


@pytest.mark.parametrize("names", [("http", "http"), ("a-b", "a_b"), ("http", "HTTP")])
def test_two_ports_have_two_variables(names: tuple[str, ...]) -> None:
    message = f"in `ports` of task `a`: `{names[0]}` and `{names[1]}` would be told by one variable"
    assert of_one(workspace=Workspace(ports=names)) == [(("tasks", "a", "workspace", "ports", 1), message)]


def test_a_command_that_merges_and_its_policy_come_together() -> None:
    assert of_one(workspace=COPY, merge=Merge(MergePolicy.COMMAND)) == [
        (
            ("tasks", "a", "merge", "policy"),
            "the merge of task `a` has the policy `command`, and no command",
        )
    ]
    assert of_one(workspace=COPY, merge=Merge(MergePolicy.LAST, "meld")) == [
        (
            ("tasks", "a", "merge", "command"),
            "the merge of task `a` has a command, and its policy is `last`",
        )
    ]


def test_members_of_a_fan_out_share_their_mistake() -> None:
    place = Workspace(DIRECTORY, include=("x",))
    tasks = [task(f"m[{n}]", family="m", workspace=place) for n in range(3)]
    assert [path for path, _ in problems(plan(*tasks))] == [("tasks", "m", "workspace", "include")]


# Atomic groups


def test_members_of_an_atomic_group_share_its_workspace() -> None:
    group = Group(atomic=True, workspace=Workspace(COPY))
    assert problems(plan(member("a"), member("b"), groups={"g": group})) == []
    assert problems(plan(member("a"), member("b", workspace=DIRECTORY), groups={"g": group})) == [
        (
            ("tasks", "b", "workspace"),
            "task `b` has a workspace of its own, and is in the atomic group `g`",
        )
    ]


@pytest.mark.parametrize("other", [None, DIRECTORY])
def test_members_of_an_atomic_group_all_work_in_one_place(other: WorkspaceKind | None) -> None:
    tasks = [member("a", workspace=COPY), member("b", workspace=other)]
    assert problems(plan(*tasks, groups={"g": Group(atomic=True)})) == [
        (("tasks", "b"), "tasks `a` and `b` of the atomic group `g` work apart")
    ]


def test_members_of_other_groups_may_work_where_they_like() -> None:
    tasks = [member("a", workspace=COPY), member("b", workspace=DIRECTORY), member("c")]
    assert problems(plan(*tasks, groups={"g": Group(workspace=Workspace(COPY))})) == []


def test_an_atomic_group_with_a_workspace_wants_all_of_its_members() -> None:
    group = Group(atomic=True, workspace=Workspace(COPY), min_required=1)
    assert problems(plan(member("a"), member("b"), groups={"g": group})) == [
        (
            ("groups", "g", "min_required"),
            "group `g` is atomic, has a workspace, and wants no more than some of its members",
        )
    ]
    plain = Group(atomic=True, min_required=1)
    assert problems(plan(member("a"), member("b"), groups={"g": plain})) == []


# Who would see what when


def test_nobody_reads_what_is_brought_back_at_the_end() -> None:
    writer = task("w", writes="x", workspace=COPY, merge=MergeAt.RUN)
    assert problems(plan(writer, task("r", reads="x"))) == [
        (("tasks", "r", "reads"), "`r` reads `x`, which `w` writes and brings back at the end")
    ]
    assert problems(plan(task("r", reads="x"), writer)) == []
    assert problems(plan(writer, task("r", reads="y"))) == []


def test_members_do_not_read_what_is_brought_back_with_their_group() -> None:
    writer = member("w", writes="x", workspace=COPY, merge=MergeAt.GROUP)
    reader = member("r", reads="x", workspace=COPY, merge=MergeAt.GROUP)
    assert problems(plan(writer, reader, groups={"g": Group()})) == [
        (("tasks", "r", "reads"), "`r` reads `x`, which `w` writes and brings back with its group")
    ]


def test_who_comes_after_a_group_reads_what_it_has_brought_back() -> None:
    writer = member("w", writes="x", workspace=COPY, merge=MergeAt.GROUP)
    assert problems(plan(writer, task("r", reads="x"), groups={"g": Group()})) == []


def test_members_of_an_atomic_group_read_what_others_of_them_have_written() -> None:
    group = Group(atomic=True, workspace=Workspace(COPY))
    tasks = [member("w", writes="x"), member("r", reads="x")]
    assert problems(plan(*tasks, groups={"g": group})) == []


def test_what_is_brought_back_at_its_end_is_read_by_whoever_comes_after() -> None:
    tasks = [task("w", writes="x", workspace=COPY), task("r", reads="x", workspace=DIRECTORY)]
    assert problems(plan(*tasks)) == []
