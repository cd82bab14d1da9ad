"""How long does it take to give a task a place of its own, in a directory with 5,000 files?

Opening a `directory` looks at all names of the plan's directory, closing it at what the task has left: it is
held against the barest such walk. A `copy` copies them all, and reads them at the first look: it is held
against a git worktree, which does as much. Then 40 tasks get directories, four at once, in a whole run.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path

from _side_by_side import Goal, Measure, Table, medians, size_from_command_line, wall_s

import weft
from weft.model.plan import Plan
from weft.model.task import Task
from weft.model.work import Call, Where
from weft.model.workspace import Workspace, WorkspaceKind
from weft.planning.prepare import prepare
from weft.runtime.run import run_plan
from weft.scheduling.states import RunState
from weft.workspaces.private import Private

N_PER_FOLDER = 25
GOAL = Goal("<=", 2)
N_TASKS = 40
AT_ONCE = 4
WALK = "os.scandir and stat, nothing kept"
WORKTREE = "git worktree add, then remove"


def main() -> None:
    """Measure, and print the table."""
    size = size_from_command_line(__doc__ or "")
    n_files = size.of(5_000, 50)
    table = Table(f"A place to work, in a directory with {n_files:,} files")
    with plan_folder(n_files) as folder:
        root = Path(folder)
        walks: dict[str, Measure] = {WALK: lambda: wall_s(lambda: walk(folder, n_files))}
        directory = walks | {"a directory: open, write a file, close": place(root, WorkspaceKind.DIRECTORY)}
        table.section("of its own only")
        table.against(WALK, medians(directory, size.rounds), {list(directory)[1]: GOAL})

        copies: dict[str, Measure] = {"cp -a, then rm -r": lambda: wall_s(lambda: copied(root))}
        copy = "a copy: open, write a file, close"
        if shutil.which("git"):
            copies = {WORKTREE: lambda: wall_s(lambda: worktree(root))} | copies
        copies[copy] = place(root, WorkspaceKind.COPY)
        table.section("with all files" if shutil.which("git") else "with all files; git is not installed")
        table.against(next(iter(copies)), medians(copies, size.rounds), {copy: GOAL})

        each = f"{WALK}, {N_TASKS} times"
        runs: dict[str, Measure] = {
            each: lambda: wall_s(lambda: walk(folder, n_files, n_times=N_TASKS)),
            "weft.run, each in a directory": lambda: run(root, WorkspaceKind.DIRECTORY),
            "weft.run, all in the plan's directory": lambda: run(root, WorkspaceKind.SHARED),
        }
        table.section(f"{N_TASKS} tasks, {AT_ONCE} at once")
        table.against(each, medians(runs, size.rounds), {list(runs)[1]: GOAL})


def plan_folder(n_files: int) -> AbstractContextManager[str]:
    """Return a directory with sources in it, all of them in git, where that is installed."""
    folder = tempfile.TemporaryDirectory()
    for number in range(n_files):
        path = Path(folder.name, f"src/{number // N_PER_FOLDER}/{number}.py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"x = {number}\n" * (20 + number % 300))
    if shutil.which("git"):
        for args in ("init -q", "add .", "-c user.name=b -c user.email=b@b commit -qm b"):
            git(folder.name, *args.split())
    return folder


def walk(root: str, n_files: int, *, n_times: int = 1) -> None:
    """Look at all that stands below ``root``."""
    found = 0
    folders = [root] * n_times
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                entry.stat(follow_symlinks=False)
                if not entry.is_dir(follow_symlinks=False):
                    found += 1
                elif not entry.name.startswith("."):
                    folders.append(entry.path)
    assert found >= n_files * n_times, found


def place(root: Path, kind: WorkspaceKind) -> Measure:
    """Return what measures one place after the other, from the second on."""
    names = count()
    private = Private(root, lambda name: root / ".weft/runs/bench" / name, Workspace(kind))

    def once() -> None:
        place = private.open(f"{kind}-{next(names)}")
        place.begin()
        (place.path / "new").write_text("made here")
        assert list(place.close().task.entries) == ["new"]

    once()
    return lambda: wall_s(once)


def worktree(root: Path) -> None:
    """Let git make a second working tree, and remove it."""
    git(root, "worktree", "add", "-q", "--detach", ".weft/worktree")
    git(root, "worktree", "remove", ".weft/worktree")


def copied(root: Path) -> None:
    """Copy the files, and remove the copies."""
    subprocess.run(["cp", "-a", root / "src", root / ".weft/copied"], check=True)
    subprocess.run(["rm", "-r", root / ".weft/copied"], check=True)


def git(root: str | Path, *args: str) -> None:
    """Call git in ``root``."""
    subprocess.run(["git", *args], cwd=root, check=True)


def writes(number: int) -> Callable[[], None]:
    """Return a task that writes one file where it works."""

    def write() -> None:
        (weft.current().workspace / f"made-{number}").write_text(f"{number}")

    return write


def run(root: Path, kind: WorkspaceKind) -> float:
    """Return the seconds of a whole run, whose files are there in the end."""
    tasks = tuple(
        Task(f"t{number}", Call(writes(number), where=Where.THREAD), workspace=Workspace(kind))
        for number in range(N_TASKS)
    )
    plan = prepare(Plan(tasks, max_concurrent=AT_ONCE, root=str(root)))

    def whole() -> None:
        assert asyncio.run(run_plan(plan)).state is RunState.SUCCEEDED

    seconds = wall_s(whole)
    made = [root / f"made-{number}" for number in range(N_TASKS)]
    assert [path.read_text() for path in made] == [f"{number}" for number in range(N_TASKS)]
    for path in made:
        path.unlink()
    return seconds


if __name__ == "__main__":
    main()
