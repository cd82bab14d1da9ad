"""A task that comes while others run is refused as it would be in a plan, in the same words."""

from __future__ import annotations

import pytest

from weft.errors import PlanError
from weft.model.group import Group
from weft.model.task import Task
from weft.model.workspace import Merge, MergeAt, Workspace, WorkspaceKind
from weft.planning.arrivals import Arrivals
from weft.planning.prepare import prepare
from weft.testing import plan, task

COPY, DIRECTORY = Workspace(WorkspaceKind.COPY), Workspace(WorkspaceKind.DIRECTORY)
LATE = Group(workspace=COPY, merge=Merge(at=MergeAt.GROUP))
ATOMIC = Group(atomic=True)


def refused_by_plan(*tasks: Task, group: Group) -> str:
    try:
        prepare(plan(*tasks, groups={"g": group}))
    except PlanError as error:
        return str(error)
    return ""


def refused_one_by_one(*tasks: Task, group: Group) -> str:
    """Return what is said of the last of ``tasks``; all before it are taken."""
    arrivals = Arrivals({}, {"g": group})
    for each in tasks[:-1]:
        arrivals.take(each, is_named=True)
    try:
        arrivals.take(tasks[-1], is_named=True)
    except PlanError as error:
        return str(error)
    return ""


REFUSED: list[tuple[str, tuple[Task, ...], Group]] = [
    ("two tasks `a`", (task("a"), task("a")), Group()),
    ("two tasks `merge of g`", (task("a", group="g"), task("merge of g")), LATE),
    ("two tasks `merge of g`", (task("merge of g"), task("a", group="g")), LATE),
    ("two tasks `merge of g`", (task("merge of g", group="g"),), LATE),
    (
        "two tasks `merge of the run`",
        (task("a", workspace=COPY, merge=MergeAt.RUN), task("merge of the run")),
        Group(),
    ),
    (
        "two tasks `merge of the run`",
        (task("merge of the run"), task("a", workspace=COPY, merge=MergeAt.RUN)),
        Group(),
    ),
    (
        "tasks `a` and `b` of the atomic group `g` work apart",
        (task("a", group="g", workspace=COPY), task("b", group="g", workspace=DIRECTORY)),
        ATOMIC,
    ),
    (
        "tasks `a` and `b` of the atomic group `g` work apart",
        (task("a", group="g"), task("b", group="g", workspace=COPY)),
        ATOMIC,
    ),
]


@pytest.mark.parametrize(("told", "tasks", "group"), REFUSED)
def test_what_a_plan_refuses_is_refused_one_by_one(told: str, tasks: tuple[Task, ...], group: Group) -> None:
    assert told in refused_by_plan(*tasks, group=group)
    for problem in refused_one_by_one(*tasks, group=group).splitlines():
        assert problem in refused_by_plan(*tasks, group=group)
    assert told in refused_one_by_one(*tasks, group=group)


TAKEN: list[tuple[tuple[Task, ...], Group]] = [
    ((task("a", group="g"), task("merge of the run")), LATE),
    ((task("a", group="g"), task("merge of g")), Group(workspace=COPY)),
    ((task("a"), task("merge of g"), task("merge of the run")), Group()),
    ((task("a", group="g", workspace=COPY), task("b", group="g", workspace=COPY)), ATOMIC),
    ((task("a", group="g"), task("b", workspace=COPY)), ATOMIC),
]


@pytest.mark.parametrize(("tasks", "group"), TAKEN)
def test_what_a_plan_takes_is_taken_one_by_one(tasks: tuple[Task, ...], group: Group) -> None:
    assert refused_by_plan(*tasks, group=group) == ""
    assert refused_one_by_one(*tasks, group=group) == ""


def test_a_task_that_was_refused_has_taken_nothing() -> None:
    arrivals = Arrivals({}, {"g": ATOMIC})
    with pytest.raises(PlanError, match="nowhere"):
        arrivals.take(task("a", group="g", workspace=COPY, limits={"nowhere": 1}), is_named=True)
    assert arrivals.take(task("a", group="g", workspace=DIRECTORY), is_named=True).id == "a"


def test_ids_that_nobody_has_given_are_not_kept_in_mind() -> None:
    arrivals = Arrivals({}, {})
    arrivals.take(task("f[0]"), is_named=False)
    assert arrivals.take(task("f[0]"), is_named=True).id == "f[0]"


def test_a_task_has_the_workspace_that_holds_for_it() -> None:
    taken = Arrivals({}, {"g": LATE}, DIRECTORY).take(task("a", group="g"), is_named=True)
    assert (taken.workspace, taken.merge) == (COPY, LATE.merge)
    assert Arrivals({}, {}, DIRECTORY).take(task("a"), is_named=True).workspace == DIRECTORY
