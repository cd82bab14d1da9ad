"""Weft is killed at random moments of real runs; each is then resumed, and ends as if nothing had been.

As many runs as the variable `WEFT_TEST_KILLS` says, by default a few.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

import weft
from weft.model.outcome import Succeeded
from weft.runtime.history import history
from weft.runtime.layout import journal_of
from weft.scheduling.facts import AttemptStarted, Fact, TaskAdded, TaskEnded

N_KILLS = int(os.environ.get("WEFT_TEST_KILLS", "4"))
SEED = os.environ.get("WEFT_TEST_SEED", "1")

PLAN = """
max_concurrent: 4
tasks:
  seed: {run: "for n in 1 2 3 4 5 6; do echo $n > in$n; done", writes: ["in*"]}
  double:
    each: {n: ["1", "2", "3", "4", "5", "6"]}
    run: "sleep 0.05; echo $(( $(cat in{n}) * 2 )) > out{n}.tmp; mv out{n}.tmp out{n}; cat out{n}"
    reads: ["in{n}"]
    writes: ["out{n}", "out{n}.tmp"]
    result: json
  total:
    run: "sleep 0.05; cat out? > all; cat $WEFT_RESULTS/*[0-9].json"
    needs: double
    reads: ["out?"]
    writes: [all]
    result: text
  over: {run: "sleep 0.05; echo over > in1", writes: [in1]}
  last: {run: "cat all in1 > end", reads: [all, in1], writes: [end]}
"""

APART = """
max_concurrent: 4
groups:
  both: {atomic: true, workspace: copy}
  late: {workspace: directory, merge: {at: group}}
tasks:
  seed:
    run: "for n in 1 2 3; do echo $n > in$n; done; for file in log book pair; do echo begin > $file; done"
    writes: ["in*", log, book, pair]
  line:
    each: {n: ["1", "2", "3", "4"]}
    run: "sleep 0.03; echo line {n} >> log; echo {n} > own{n}; echo {n}"
    writes: [log, "own{n}"]
    needs: seed
    workspace: copy
    merge: union
    result: json
  first: {run: "sleep 0.03; echo first >> book", reads: [book], writes: [book], workspace: copy}
  one: {run: "sleep 0.03; echo one >> pair", reads: [pair], writes: [pair], group: both}
  double:
    each: {n: ["1", "2", "3"]}
    run: "sleep 0.03; echo $(( $(cat in{n}) * 2 )) > out{n}; cat out{n}"
    reads: ["in{n}"]
    writes: ["out{n}"]
    result: json
    cache: {restore: true}
  two: {run: "sleep 0.03; echo two >> pair", reads: [pair], writes: [pair], group: both}
  second: {run: "sleep 0.03; echo second >> book", reads: [book], writes: [book], workspace: copy}
  part: {each: {n: ["1", "2"]}, run: "echo {n} > part{n}", writes: ["part{n}"], group: late}
  sum:
    run: "sleep 0.03; cat out? > sum; cat sum"
    reads: ["out?"]
    writes: [sum]
    workspace: copy
    result: text
    cache: true
  note: {run: "echo noted > note", writes: [note], workspace: directory, merge: {at: run}}
  third:
    run: "echo third >> book; cat log pair part1 part2 > end; cat book"
    reads: [log, book, pair, part1, part2]
    writes: [book, end]
    workspace: copy
    result: lines
"""

SCRIPT = """
import asyncio, json, os, sys, time
import weft

def double(n):
    time.sleep(0.03)
    return {"n": n, "double": 2 * n}

async def in_the_loop(found):
    await asyncio.sleep(0.03)
    return [part["double"] for part in found]

def total(*lists):
    time.sleep(0.03)
    with open("end", "w") as file:
        file.write(str(sum(map(sum, lists))))
    return sum(map(sum, lists))

def made():
    plan = weft.Plan(max_concurrent=3)
    places = ["thread", "process", "process"] * 3
    firsts = [plan.add(double, n, where=where, id=f"double[{n}]") for n, where in enumerate(places)]
    lists = [plan.add(in_the_loop, firsts[n : n + 3], id=f"list[{n}]") for n in (0, 3, 6)]
    plan.add(total, *lists, writes=["end"], id="total")
    return plan

if __name__ == "__main__":
    report = weft.run(made(), journal=True, resume="latest" if "--resume" in sys.argv else None)
    sys.exit(0 if not report.not_succeeded else 1)
"""

APART_SCRIPT = """
import sys, time
from pathlib import Path
import weft

def noted(name, line):
    time.sleep(0.02)
    with open(Path(weft.current().workspace) / name, "a") as file:
        file.write(line + "\\n")
    return line

def double(n):
    time.sleep(0.02)
    return 2 * n

def end(lines, doubles):
    Path("end").write_text(f"{lines} {doubles}")
    return len(lines)

def made():
    plan = weft.Plan(max_concurrent=3)
    lines = []
    for n, where in enumerate(["thread", "process"] * 3):
        line = dict(where=where, workspace="copy", merge="union", writes=["log"])
        lines.append(plan.add(noted, "log", f"line {n}", id=f"line[{n}]", **line))
        page = dict(where=where, workspace="copy", reads=["book"], writes=["book"])
        lines.append(plan.add(noted, "book", f"page {n}", id=f"page[{n}]", **page))
    doubles = [
        plan.add(double, n, id=f"double[{n}]", where=where, reads=[], writes=[], cache=True)
        for n, where in enumerate(["thread", "process"])
    ]
    plan.add(end, lines, doubles, id="end", writes=["end"])
    return plan

if __name__ == "__main__":
    Path("log").touch()
    Path("book").touch()
    report = weft.run(made(), journal=True, resume="latest" if "--resume" in sys.argv else None)
    sys.exit(0 if not report.not_succeeded else 1)
"""


def shell(folder: Path) -> list[str]:
    (folder / "weft.yaml").write_text(PLAN)
    return [sys.executable, "-m", "weft", "run"]


def apart(folder: Path) -> list[str]:
    (folder / "weft.yaml").write_text(APART)
    return [sys.executable, "-m", "weft", "run"]


def python(folder: Path) -> list[str]:
    (folder / "script.py").write_text(SCRIPT)
    return [sys.executable, "script.py"]


def python_apart(folder: Path) -> list[str]:
    (folder / "script.py").write_text(APART_SCRIPT)
    return [sys.executable, "script.py"]


def settings(folder: Path) -> dict[str, Any]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("WEFT_")}
    source = str(Path(weft.__path__[0]).parent)
    return {
        "cwd": folder,
        "env": {**variables, "PYTHONPATH": source},
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
        "text": True,
    }


def strike(command: list[str], folder: Path, delay_s: float) -> bool:
    """Start a run and kill it when ``delay_s`` has passed; tell whether it was still there."""
    with subprocess.Popen(command, **settings(folder), start_new_session=True) as process:
        try:
            process.wait(delay_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.communicate()  # until the helpers, which have the pipe too, have ended
    return process.returncode == -signal.SIGKILL


def tree(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.iterdir()) if path.is_file()}


class Recorded(msgspec.Struct):
    """Of one run: the ids of its tasks, what they came to, and which have begun."""

    results: dict[str, Any]
    began: set[str]


def recorded(folder: Path) -> list[Recorded]:
    """The runs, oldest first."""
    with history(folder) as journal:
        if journal is None:
            return []
        return [of(list(journal.facts(run))) for run in reversed(journal.runs())]


def of(facts: list[Fact]) -> Recorded:
    ids = {fact.task: fact.id for fact in facts if isinstance(fact, TaskAdded)}
    ended = [fact for fact in facts if isinstance(fact, TaskEnded)]
    results = {ids[end.task]: end.outcome.value for end in ended if isinstance(end.outcome, Succeeded)}
    for merge in [id for id in results if id.startswith("merge of ")]:
        results[merge] = None  # how many files were changed, by the one of the runs that came to it
    return Recorded(results, {ids[fact.attempt.task] for fact in facts if isinstance(fact, AttemptStarted)})


def is_whole(folder: Path) -> bool:
    with closing(sqlite3.connect(journal_of(folder))) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def undisturbed(
    command: Callable[[Path], list[str]], folder: Path
) -> tuple[Mapping[str, str], Recorded, float]:
    """Return what a run leaves, what is recorded of it, and how many seconds it takes."""
    folder.mkdir()
    began = time.monotonic()
    ran = subprocess.run(command(folder), **settings(folder), check=False)
    assert ran.returncode == 0, ran.stdout
    return tree(folder), recorded(folder)[-1], time.monotonic() - began


def may_begin_again(before: Recorded) -> set[str]:
    """The members of an atomic group are done when all that they have made was brought back at once."""
    return set() if "merge of both" in before.results else {"one", "two"}


@pytest.mark.parametrize("command", [shell, apart, python, python_apart])
def test_a_run_that_was_killed_and_resumed_ends_as_one_that_was_not(
    command: Callable[[Path], list[str]], tmp_path: Path
) -> None:
    files, run, takes_s = undisturbed(command, tmp_path / "undisturbed")
    chance = Random(f"{SEED} {command.__name__}")
    n_killed = 0
    for number in range(N_KILLS):
        folder = tmp_path / str(number)
        folder.mkdir()
        # The first comes when it is surely under way.
        delay_s = takes_s * (chance.uniform(0.1, 1.0) if number else 0.5)
        began = time.monotonic()
        was_there = strike(command(folder), folder, delay_s)
        n_killed += was_there
        if not was_there:  # it takes less when the machine has less to do, and the next is to be met
            takes_s = min(takes_s, time.monotonic() - began)
        if chance.random() < 0.3:  # and so may be the run that takes it up
            n_killed += strike([*command(folder), "--resume"], folder, takes_s * chance.uniform(0.1, 1.1))
        ran = subprocess.run([*command(folder), "--resume"], **settings(folder), check=False)
        assert ran.returncode == 0, f"killed after {delay_s} s: {ran.stdout}"
        runs = recorded(folder)
        assert runs[-1].results == run.results
        assert tree(folder) == files
        assert is_whole(folder)
        for before, after in pairwise(runs):
            twice = before.results.keys() & after.began
            assert twice <= may_begin_again(before), f"killed after {delay_s} s"
    assert n_killed
    print(f"{command.__name__}: {n_killed} were killed")  # noqa: T201  # seen with `pytest -s`
