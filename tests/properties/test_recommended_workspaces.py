"""Workspaces that are recommended leave the files that a run of one by one leaves.

As the recommendation says: where tasks succeed, files consist of whole lines, and nothing is removed.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from tests.properties.programs import Doing, Program, Write, program_of, random_program
from tests.properties.test_program_order_on_disk import by_hand, by_weft, files_in, fresh, script_of

from weft.model.task import Task
from weft.model.work import Command
from weft.model.workspace import Merge, MergePolicy, Workspace, WorkspaceKind
from weft.planning.prepare import PreparedPlan, prepare
from weft.planning.recommend.recommendation import Scenario
from weft.planning.recommend.table import recommend
from weft.runtime.links import ground_of

BLOCK = 20
Keys = dict[str, dict[str, str]]


@pytest.mark.parametrize("start", range(0, 120, BLOCK))
def test_recommended_workspaces_leave_the_bytes_of_one_by_one(start: int, tmp_path: Path) -> None:
    n_recommended = 0
    for seed in range(start, start + BLOCK):
        program = gentle(random_program(seed, max_tasks=8))
        scripts = [
            script_of(name, doing, Random(seed)).replace("printf %s", "echo")
            for name, doing in zip(program.names, program.doings, strict=True)
        ]
        root = of_lines(tmp_path / f"{seed}")
        prepared = prepare(with_scripts(program.prepared, scripts), ground_of(root))
        if keys := recommended(prepared, root):
            n_recommended += 1
            expected = by_hand(program, scripts, of_lines(tmp_path / f"{seed}-by-hand"))
            private = msgspec.structs.replace(program, prepared=in_workspaces(program.prepared, keys))
            assert by_weft(private, scripts, root, 8) == expected, f"random_program({seed}): {keys}"
    assert n_recommended > 0


def recommended(prepared: PreparedPlan, root: Path) -> Keys:
    patches = [
        each.patch for each in recommend(prepared, 8, ground_of(root)) if each.scenario is Scenario.SHARED
    ]
    tasks: Any = patches[0].get("tasks", {}) if patches else {}
    return dict(tasks)


def gentle(program: Program) -> Program:
    def without_removing(doing: Doing) -> Doing:
        kept = [write for write in doing.writes if write.how != "remove"]
        return Doing(doing.reads, tuple(Write(*write) for write in kept), fails=False)

    return program_of(program.prepared.plan, [without_removing(doing) for doing in program.doings])


def of_lines(root: Path) -> Path:
    fresh(root)
    for file in files_in(root):
        (root / file).write_text("from before\n")
    return root


def with_scripts(prepared: PreparedPlan, scripts: list[str]) -> Any:
    tasks = [
        msgspec.structs.replace(task, work=Command(script))
        for task, script in zip(prepared.plan.tasks, scripts, strict=True)
    ]
    return msgspec.structs.replace(prepared.plan, tasks=tuple(tasks))


def in_workspaces(prepared: PreparedPlan, keys: Keys) -> PreparedPlan:
    tasks = tuple(placed(task, keys.get(task.id)) for task in prepared.plan.tasks)
    return msgspec.structs.replace(prepared, plan=msgspec.structs.replace(prepared.plan, tasks=tasks))


def placed(task: Task, keys: dict[str, str] | None) -> Task:
    if keys is None:
        return task
    merge = Merge(MergePolicy(keys["merge"])) if "merge" in keys else None
    return msgspec.structs.replace(task, workspace=Workspace(WorkspaceKind(keys["workspace"])), merge=merge)
