"""Workspaces and merges as they are said in Python: by words, by values, for one task or for all."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import weft
from weft.errors import PlanError, UsageError
from weft.model.outcome import Succeeded
from weft.model.workspace import Merge, MergeAt, MergePolicy, Workspace, WorkspaceKind
from weft.planning.prepare import prepare

COPY = Workspace(WorkspaceKind.COPY)


def test_a_word_says_what_a_value_says() -> None:
    plan = weft.Plan(
        workspace="directory",
        merge="keep-both",
        groups={"g": weft.Group(workspace=weft.Workspace("copy"), merge=weft.Merge("first", at="group"))},  # type: ignore[arg-type]  # words, as users write them
    )

    @plan.task(workspace="copy", merge="union")
    def decorated() -> None: ...

    plan.add(print, workspace=weft.Workspace(WorkspaceKind.COPY), merge=weft.Merge(MergePolicy.UNION))
    frozen = plan.frozen()
    assert (frozen.workspace, frozen.merge) == (
        Workspace(WorkspaceKind.DIRECTORY),
        Merge(MergePolicy.KEEP_BOTH),
    )
    assert frozen.groups["g"].workspace == COPY
    assert frozen.groups["g"].merge == Merge(MergePolicy.FIRST, at=MergeAt.GROUP)
    assert [(task.workspace, task.merge) for task in frozen.tasks] == [(COPY, Merge(MergePolicy.UNION))] * 2


def test_lists_are_as_good_as_tuples_and_one_text_is_a_list_of_one() -> None:
    given: Any = weft.Workspace("copy", ["src/"], "x/", ["npm", "ci"], "data/", ["http"])  # type: ignore[arg-type]  # as users write it
    plan = weft.Plan()
    plan.add(print, workspace=given, merge=weft.Merge("command", ["pick", "one"]))  # type: ignore[arg-type]  # likewise
    (task,) = plan.frozen().tasks
    assert task.workspace == Workspace(
        WorkspaceKind.COPY, ("src/",), ("x/",), ("npm", "ci"), ("data/",), ("http",)
    )
    assert task.merge == Merge(MergePolicy.COMMAND, ("pick", "one"))


def test_a_task_has_its_own_workspace_else_that_of_its_group_else_of_the_plan() -> None:
    plan = weft.Plan(workspace="directory", groups={"g": weft.Group(workspace=COPY)})
    plan.add(print, id="own", group="g", workspace="shared")
    plan.add(print, id="of the group", group="g")
    plan.add(print, id="of the plan")
    kinds = [task.workspace and task.workspace.kind.value for task in prepare(plan.frozen()).plan.tasks]
    assert kinds == ["shared", "copy", "directory"]


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"workspace": "kopy"}, '`workspace` is \'kopy\'; expected one of "shared", "directory", "copy"'),
    ({"workspace": 7}, "`workspace` is 7; expected one of"),
    ({"workspace": weft.Workspace("kopy")}, "`kind` is 'kopy'; expected one of"),  # type: ignore[arg-type]  # the mistake
    ({"merge": "loudest"}, '`merge` is \'loudest\'; expected one of "fail", "keep-both"'),
    ({"merge": weft.Merge("loudest")}, "`policy` is 'loudest'; expected one of"),  # type: ignore[arg-type]  # the mistake
    ({"merge": weft.Merge(at="noon")}, '`at` is \'noon\'; expected one of "task", "group", "run"'),  # type: ignore[arg-type]  # the mistake
]


@pytest.mark.parametrize(("said", "told"), MISTAKES)
def test_a_word_that_means_nothing_is_a_mistake_at_once(said: dict[str, Any], told: str) -> None:
    async def submit() -> None:
        async with weft.Engine() as engine:
            engine.submit(print, **said)

    for call in (
        lambda: weft.Plan().add(print, **said),
        lambda: weft.Plan(**said),
        lambda: weft.Plan(groups={"g": weft.Group(**said)}),
        lambda: weft.Engine(**said),
        lambda: weft.Engine(groups={"g": weft.Group(**said)}),
        lambda: asyncio.run(submit()),
    ):
        with pytest.raises(UsageError) as caught:
            call()
        assert str(caught.value).startswith(told)


def test_what_makes_no_sense_is_told_before_anything_runs(tmp_path: Path) -> None:
    plan = weft.Plan(root=tmp_path)
    plan.add(print, id="a", merge="last")
    with pytest.raises(PlanError, match="task `a` has a `merge`, and works in the plan's own directory"):
        weft.run(plan)
    with pytest.raises(PlanError, match="the merge of the plan has the policy `command`, and no command"):
        weft.Engine(root=tmp_path, workspace="copy", merge=Merge(MergePolicy.COMMAND))

    async def submit() -> None:
        async with weft.Engine(root=tmp_path, groups={"g": weft.Group(workspace=COPY)}) as engine:
            with pytest.raises(PlanError, match="in `ports` of task `b`: `8080` is no name"):
                engine.submit(print, id="b", workspace=Workspace(ports=("8080",)))
            with pytest.raises(PlanError, match="task `c` has a `merge`, and works in the plan's own"):
                engine.submit(print, id="c", group="g", workspace="shared", merge="last")

    asyncio.run(submit())


def test_an_engine_keeps_the_names_of_its_merges_and_atomic_groups_together(tmp_path: Path) -> None:
    late = weft.Group(workspace=COPY, merge=Merge(at=MergeAt.GROUP))

    async def submit() -> list[str]:
        groups = {"g": late, "swap": weft.Group(atomic=True)}
        async with weft.Engine(root=tmp_path, groups=groups) as engine:
            handles = [engine.submit(int, id="a", group="g")]
            with pytest.raises(PlanError, match="there are two tasks `merge of g`"):
                engine.submit(int, id="merge of g")
            handles.append(engine.submit(int, id="merge of the run"))
            with pytest.raises(PlanError, match="there are two tasks `merge of the run`"):
                engine.submit(int, workspace="copy", merge=Merge(at=MergeAt.RUN))
            handles.append(engine.submit(int, id="b", group="swap"))
            with pytest.raises(PlanError, match="tasks `b` and `c` of the atomic group `swap` work apart"):
                engine.submit(int, id="c", group="swap", workspace="directory")
            handles.append(engine.submit(int, id="c", group="swap"))
        return [handle.id for handle in handles if isinstance(handle.outcome, Succeeded)]

    assert asyncio.run(submit()) == ["a", "merge of the run", "b", "c"]
