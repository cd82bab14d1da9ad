"""How long does it take to see that nothing is left to do, in 5,000 tasks with a file in and a file out each?

Whole processes, from start to exit, against other tools on the same work, and against a bare Python that
reads what it needs to know and looks at each file. Nothing may run: that is checked afterwards.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from _side_by_side import Goal, Measure, Table, in_turns, size_from_command_line, wall_s

NINJA, MAKE, DOIT, BARE, WEFT = "ninja", "make", "doit", "bare Python: load, stat each file", "weft run"
BARE_PROGRAM = """\
import json, os
with open("state.json") as file:
    state = json.load(file)
assert all(os.stat(path).st_mtime_ns == moment for path, moment in state.items())
"""
DODO = """\
def task_copy():
    for n in range({n}):
        yield {{
            "name": str(n), "actions": [f"cp in/{{n}} out/{{n}}"],
            "file_dep": [f"in/{{n}}"], "targets": [f"out/{{n}}"],
        }}
"""
# What is younger than this is looked at by its content.
OLD_ENOUGH_S = 0.3


def _write_plans(folder: Path, n_tasks: int) -> None:
    for name in ("in", "out"):
        (folder / name).mkdir()
    for n in range(n_tasks):
        (folder / f"in/{n}").write_text(f"{n}\n")
    weft = "".join(
        f"  t{n}: {{run: 'cp in/{n} out/{n}', reads: [in/{n}], writes: [out/{n}], cache: true}}\n"
        for n in range(n_tasks)
    )
    (folder / "weft.yaml").write_text(f"max_concurrent: 8\ntasks:\n{weft}")
    ninja = "".join(f"build out/{n}: cp in/{n}\n" for n in range(n_tasks))
    (folder / "build.ninja").write_text(f"rule cp\n  command = cp $in $out\n{ninja}")
    names = " ".join(f"out/{n}" for n in range(n_tasks))
    rules = "".join(f"out/{n}: in/{n}\n\tcp $< $@\n" for n in range(n_tasks))
    (folder / "Makefile").write_text(f"all: {names}\n{rules}")
    (folder / "dodo.py").write_text(DODO.format(n=n_tasks))
    (folder / "bare.py").write_text(BARE_PROGRAM)


def _commands() -> dict[str, list[str]]:
    commands = {NINJA: ["ninja"], MAKE: ["make", "-j8"], DOIT: ["doit"]}
    there = {name: command for name, command in commands.items() if shutil.which(command[0])}
    return {**there, BARE: [sys.executable, "bare.py"], WEFT: [sys.executable, "-m", "weft", "run"]}


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout[-500:]}{done.stderr[-500:]}"


def _process_s(command: list[str], folder: Path) -> float:
    return wall_s(lambda: _run(command, folder))


def _outputs(folder: Path, n_tasks: int) -> dict[str, int]:
    return {f"out/{n}": os.stat(folder / f"out/{n}").st_mtime_ns for n in range(n_tasks)}


def main() -> None:
    """Measure and print."""
    size = size_from_command_line(__doc__ or "", rounds=9)
    n_tasks = size.of(5_000, 20)
    commands = _commands()
    with tempfile.TemporaryDirectory() as name:
        folders: dict[str, Path] = {}
        for number, (tool, command) in enumerate(commands.items()):
            folder = folders[tool] = Path(name, str(number))
            folder.mkdir()
            _write_plans(folder, n_tasks)
            if tool == BARE:
                _run(["sh", "-c", "cp in/* out/"], folder)
                state = {
                    path: os.stat(folder / path).st_mtime_ns
                    for n in range(n_tasks)
                    for path in (f"in/{n}", f"out/{n}")
                }
                (folder / "state.json").write_text(json.dumps(state))
            else:
                _run(command, folder)  # all of it is done once
        time.sleep(OLD_ENOUGH_S)
        for tool, command in commands.items():
            _run(command, folders[tool])  # and seen to be done
        before = {tool: _outputs(folder, n_tasks) for tool, folder in folders.items()}
        ways: dict[str, Measure] = {
            tool: partial(_process_s, command, folders[tool]) for tool, command in commands.items()
        }
        values = in_turns(ways, size.rounds)
        assert before == {tool: _outputs(folder, n_tasks) for tool, folder in folders.items()}, (
            "something ran"
        )
    table = Table(f"Nothing to do: {n_tasks:,} tasks, whole processes")
    measured = {tool: statistics.median(seconds) for tool, seconds in values.items()}
    reference = NINJA if NINJA in measured else BARE
    table.against(reference, measured, {WEFT: Goal("<=", 5)} if reference == NINJA else {})
    for tool in (NINJA, MAKE, DOIT):
        if tool not in commands:
            print(f"  {tool} is not installed")


if __name__ == "__main__":
    main()
