"""(c) How many commands per second, against `xargs -P` and ninja?

The command is `true`. Weft and ninja capture the output of each, xargs does not. ninja hands every
command to a shell, and is compared as its users know it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from _side_by_side import Goal, Measure, Table, medians, size_from_command_line, wall_s

from weft.model.plan import Plan
from weft.model.task import Task
from weft.model.work import Command
from weft.planning.prepare import prepare
from weft.runtime.run import run_plan
from weft.scheduling.states import RunState

JOBS = os.cpu_count() or 1
COMPETITORS = ("xargs", "ninja")
MEMORY = "/dev/shm"  # a file system that costs next to nothing, on Linux
GOAL = Goal(">=", 1.2)


def in_process(command: Command, count: int, *, where: str | None = None) -> float:
    """Return the seconds that a prepared plan takes, with its files under ``where``."""
    with tempfile.TemporaryDirectory(dir=where) as folder:
        tasks = tuple(Task(f"t{number}", command) for number in range(count))
        prepared = prepare(Plan(tasks, max_concurrent=JOBS, root=folder))

        def run() -> None:
            assert asyncio.run(run_plan(prepared)).state is RunState.SUCCEEDED

        return wall_s(run)


def _ran(command: list[str], folder: str, given: str = "") -> None:
    ran = subprocess.run(command, cwd=folder, input=given, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def weft_run(count: int) -> float:
    """Return the seconds of a `weft run` process, from its start to its end."""
    with tempfile.TemporaryDirectory() as folder:
        entries = [f"  t{number}: {{run: ['true']}}" for number in range(count)]
        Path(folder, "weft.yaml").write_text("tasks:\n" + "\n".join(entries) + "\n")
        return wall_s(lambda: _ran([sys.executable, "-m", "weft", "run", "-q", f"-j{JOBS}"], folder))


def xargs(count: int) -> float:
    """Return the seconds of `xargs`."""
    names = "".join(f"{number}\n" for number in range(count))
    return wall_s(lambda: _ran(["xargs", "-P", str(JOBS), "-n1", "true"], ".", names))


def ninja(count: int) -> float:
    """Return the seconds of `ninja`. Outputs that nobody makes are always to be built."""
    with tempfile.TemporaryDirectory() as folder:
        edges = "".join(f"build out{number}: nothing\n" for number in range(count))
        Path(folder, "build.ninja").write_text(f"rule nothing\n  command = true\n{edges}")
        return wall_s(lambda: _ran(["ninja", "--quiet", "-j", str(JOBS)], folder))


def main() -> None:
    """Measure and print."""
    size = size_from_command_line(__doc__ or "", rounds=3)
    count = size.of(5_000, 40)
    table = Table(f"{count:,} x `true` at -j{JOBS}, jobs per second")
    ways: dict[str, Callable[[int], float]] = {
        "weft, argument vectors": lambda n: in_process(Command(("true",)), n),
        "weft, the same with its files in memory": lambda n: in_process(Command(("true",)), n, where=MEMORY),
        "weft, scripts for /bin/sh": lambda n: in_process(Command("true"), n),
        "weft run, the whole process": weft_run,
        "xargs": xargs,
        "ninja": ninja,
    }
    if not os.path.isdir(MEMORY):
        del ways["weft, the same with its files in memory"]
    found = {name: way for name, way in ways.items() if name not in COMPETITORS or shutil.which(name)}
    contenders: dict[str, Measure] = {name: partial(way, count) for name, way in found.items()}
    seconds = medians(contenders, size.rounds)
    table.section("alone")
    for name in ways:
        table.line(name, f"{count / seconds[name]:,.0f} /s" if name in seconds else "not installed")
    for competitor in COMPETITORS:
        table.section(f"times as many as {competitor}{'' if competitor in seconds else ': not installed'}")
        for name in seconds if competitor in seconds else ():
            if name not in COMPETITORS:
                goal = GOAL if name == "weft, argument vectors" else None
                ratio = seconds[competitor] / seconds[name]
                table.line(name, f"{count / seconds[name]:,.0f} /s", ratio, goal)


if __name__ == "__main__":
    main()
