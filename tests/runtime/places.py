"""Plans of commands and functions that really work in places of their own, and what they leave."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from tests.workspaces.trees import make

import weft
from weft.model.task import Task
from weft.model.work import Call, Command, Where, Work
from weft.model.workspace import Workspace, WorkspaceKind
from weft.testing import plan, task
from weft.views.report import Report
from weft.workspaces.left import Left
from weft.workspaces.record import State

COPY, DIRECTORY = Workspace(WorkspaceKind.COPY), Workspace(WorkspaceKind.DIRECTORY)


def does(id: str, work: str | Work, workspace: Workspace | None = COPY, **declared: Any) -> Task:
    """Return a task that runs this shell script, or this work, in a copy if nothing else is said."""
    work = Command(work) if isinstance(work, str) else work
    return task(id, work=work, workspace=workspace, **declared)


def calls(function: Callable[[], Any], where: Where = Where.THREAD) -> Call:
    return Call(function, where=where)


class Ran(msgspec.Struct, frozen=True):
    """A run that has ended, in the plan's directory ``root``."""

    root: Path
    report: Report

    @property
    def folder(self) -> Path:
        return (self.root / ".weft/runs/latest").resolve()

    def left(self, name: str) -> Left:
        """Return what is known of the workspace in this folder of the run."""
        return Left.at(self.folder / name, self.root / ".weft")

    def state(self, name: str) -> State:
        return self.left(name).state


def run(root: Path, *tasks: Task, files: dict[str, str | None] | None = None, **declared: Any) -> Ran:
    """Run tasks, all at once if they may, in a directory with these files."""
    make(root, files or {})
    made = msgspec.structs.replace(plan(*tasks, **declared), root=str(root))
    return Ran(root, weft.run(made, max_concurrent=20))


def open_below(root: Path) -> list[str]:
    """Return the files below ``root`` that this process has open."""
    found = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            path = os.readlink(f"/proc/self/fd/{fd}")
        except OSError:
            continue  # it was that of the list itself
        if path.startswith(f"{root}/"):
            found.append(path)
    return found
