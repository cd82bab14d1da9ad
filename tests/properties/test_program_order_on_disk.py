"""The central promise with real commands on a real disk: eight at once, one at once, and without Weft."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path
from random import Random

import msgspec
import pytest
from tests.properties.programs import Doing, Program, Write, program_of, random_program

import weft
from weft.model.access import Accesses
from weft.model.outcome import Failed, Skipped
from weft.model.work import Command
from weft.testing import plan as plan_of
from weft.testing import task as task_of

FOLDERS = ("d/e", "o")
LINK = "link"  # leads to d: the same files by another name

_WAYS = {"replace": 'printf %s "$text" > {}', "append": 'printf %s "$text" >> {}', "remove": "rm -f {}"}


@pytest.mark.parametrize("start", range(0, 120, 15))
def test_eight_at_once_leave_the_bytes_of_one_by_one(start: int, tmp_path: Path) -> None:
    for seed in range(start, start + 15):
        program = random_program(seed, max_tasks=8)
        scripts = scripts_of(program, Random(seed))
        expected = by_hand(program, scripts, fresh(tmp_path / f"{seed}"))
        for jobs in (1, 8):
            assert by_weft(program, scripts, fresh(tmp_path / f"{seed}-{jobs}"), jobs) == expected, seed


@pytest.mark.parametrize("start", range(0, 40, 10))
def test_wherever_they_work_they_leave_the_bytes_of_one_by_one(start: int, tmp_path: Path) -> None:
    for seed in range(start, start + 10):
        program = random_program(seed, max_tasks=8, apart=True)
        scripts = scripts_of(program, Random(seed))
        expected = by_hand(program, scripts, fresh(tmp_path / f"{seed}"))
        for jobs in (1, 8):
            assert by_weft(program, scripts, fresh(tmp_path / f"{seed}-{jobs}"), jobs) == expected, seed


def test_two_names_of_one_file_are_known_as_one(tmp_path: Path) -> None:
    """Without that, the second task would read before the first has written."""
    writes = Doing((), (Write("d/a.txt", "replace"),), fails=False)
    reads = Doing(("d/a.txt",), (Write("o/x1", "replace"),), fails=False)
    accesses = [Accesses(writes=(f"{LINK}/*.txt",)), Accesses(reads=("d/a.txt",), writes=("o/x1",))]
    tasks = [task_of(f"t{at}", reads=each.reads, writes=each.writes) for at, each in enumerate(accesses)]
    program = program_of(plan_of(*tasks), (writes, reads))
    scripts = [f"sleep 0.1; {script}" if not at else script for at, script in enumerate(scripts_of(program))]
    expected = by_hand(program, scripts, fresh(tmp_path / "by_hand"))
    assert by_weft(program, scripts, fresh(tmp_path / "by_weft"), 8) == expected


def scripts_of(program: Program, chance: Random | None = None) -> list[str]:
    """Return for each task a shell script that does what it does, with pauses here and there."""
    return [script_of(name, doing, chance) for name, doing in zip(program.names, program.doings, strict=True)]


def script_of(name: str, doing: Doing, chance: Random | None) -> str:
    # A sum stands for what was read: contents would grow without bound.
    names = " ".join(map(shlex.quote, doing.reads))
    lines = [f"text='{name}:'$(cat {names} /dev/null 2>/dev/null | cksum)';'"]
    lines += [_WAYS[write.how].format(shlex.quote(write.file)) for write in doing.writes]
    if chance is not None:
        lines.insert(chance.randint(0, len(lines)), f"sleep 0.0{chance.randint(0, 2)}")
    return "\n".join([*lines, f"exit {int(doing.fails)}"])


def fresh(root: Path) -> Path:
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True)
    (root / LINK).symlink_to("d")
    for file in ("a.txt", "d/e/x1", "o/x2"):
        (root / file).write_text("from before")
    return root


def by_hand(program: Program, scripts: list[str], root: Path) -> tuple[dict[str, bytes], set[str]]:
    """Run the scripts one after the other, and return the files and the tasks that did not succeed."""
    succeeded: set[int] = set()
    for position in program.order:
        if program.is_skipped(position, succeeded):
            continue
        done = []
        if program.task(position).brings_back:
            done = sorted(succeeded.intersection(program.brought_by(position)))
            succeeded.add(position)
        else:
            place = place_by_hand(program, position, root)
            ran = subprocess.run(["/bin/sh", "-c", scripts[position]], cwd=place, check=False)
            if ran.returncode == 0:
                done = [position] if program.task(position).is_merged else []
                succeeded.add(position)
        for member in done:
            bring_by_hand(program, member, root)
    return files_in(root), {name for at, name in enumerate(program.names) if at not in succeeded}


def place_by_hand(program: Program, position: int, root: Path) -> Path:
    """Return where a task works: in the directory, or in a copy that is made when it is first needed."""
    name = program.place_of(position)
    if name is None:
        return root
    place = root.with_name(f"{root.name}-place-of-{name}")
    if not place.exists():
        shutil.copytree(root, place, symlinks=True)
    return place


def bring_by_hand(program: Program, position: int, root: Path) -> None:
    """Do to the directory what a task has done in its copy."""
    place = place_by_hand(program, position, root)
    for write in program.doings[position].writes:
        (root / write.file).unlink(missing_ok=True)
        if (place / write.file).exists():
            shutil.copyfile(place / write.file, root / write.file)


def by_weft(program: Program, scripts: list[str], root: Path, jobs: int) -> tuple[dict[str, bytes], set[str]]:
    plan = program.prepared.plan
    tasks = [
        task if task.brings_back else msgspec.structs.replace(task, work=Command(script))
        for task, script in zip(plan.tasks, scripts, strict=True)
    ]
    plan = msgspec.structs.replace(plan, tasks=tuple(tasks), root=str(root))
    report = weft.run(plan, max_concurrent=jobs)
    assert all(isinstance(outcome, Failed | Skipped) for outcome in report.not_succeeded.values())
    return files_in(root), set(report.not_succeeded)


def files_in(root: Path) -> dict[str, bytes]:
    found = {}
    for folder, folders, names in os.walk(root):
        if ".weft" in folders:
            folders.remove(".weft")
        for name in names:
            path = Path(folder, name)
            found[str(path.relative_to(root))] = path.read_bytes()
    return found
