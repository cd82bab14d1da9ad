"""Jobs that are shared with make and its like, above Weft and below it; the jobs themselves count."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.process import TIMEOUT_S, WEFT, Told, environment, weft

PlanIn = Callable[..., Path]

RUN = shlex.join((*WEFT, "run"))

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


def knows_jobservers(ninja: str | None) -> bool:
    if ninja is None:
        return False
    told = subprocess.run([ninja, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(map(int, told.split(".")[:2])) >= (1, 13)


# Each job tells when it begins and ends, and none ends before as many run as there may be: the pool is used
# whole, or the test never ends.
JOB = """
echo begin >> log
until [ -e full ]; do
    [ $(($(grep -c begin log) - $(grep -c end log))) -lt 4 ] || : > full
    sleep 0.01
done
echo end >> log
"""
MAKEFILE = """
all: a b c below
a b c d e f: ; @sh ./job
below: ; @$(MAKE) d e f
"""
NINJA = """
rule job
  command = sh ./job
build a: job
build b: job
build c: job
build d: job
"""
NESTED = """
tasks:
  outer: {each: {n: [1, 2]}, run: make}
  job: {each: {n: [1, 2, 3]}, run: sh ./job}
"""


def most_at_once(log: Path) -> tuple[int, int]:
    """Return how many jobs ran at the same time at most, and how many there were."""
    n_now = most = n_jobs = 0
    for line in log.read_text().splitlines():
        n_now += 1 if line == "begin" else -1
        n_jobs += line == "begin"
        most = max(most, n_now)
    return most, n_jobs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With files for make and for ninja."""
    for name, text in (("job", JOB), ("Makefile", MAKEFILE), ("build.ninja", NINJA)):
        (tmp_path / name).write_text(text)
    return tmp_path


def make(rule: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `make -j4` on one rule."""
    (folder / "outer.mk").write_text(rule)
    return subprocess.run(
        ["make", "-s", "-j4", "-f", "outer.mk"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


# Below


@needs_make
def test_makes_inside_of_makes_never_run_more_jobs_than_the_run_has(folder: Path, plan: PlanIn) -> None:
    ended = weft("run", "-j4", cwd=plan(NESTED))
    assert (ended.code, "warning" in ended.err) == (0, False), ended.err
    assert most_at_once(folder / "log") == (4, 2 * 6 + 3)


@pytest.mark.skipif(not knows_jobservers(shutil.which("ninja")), reason="needs ninja 1.13")
def test_ninjas_share_the_jobs_of_the_run(folder: Path, plan: PlanIn) -> None:
    assert weft("run", "-j4", cwd=plan(NESTED.replace("make", "ninja a b c d"))).code == 0
    assert most_at_once(folder / "log")[0] == 4


def test_a_weft_under_a_weft_shares_the_jobs_of_the_run(folder: Path, plan: PlanIn) -> None:
    plan("tasks: {job: {each: {n: [1, 2, 3, 4, 5]}, run: sh ./job}}", "inner.yaml")
    ended = weft("run", "-j4", cwd=plan(NESTED.replace("make", f"{RUN} -q inner.yaml")))
    assert (ended.code, "jobs" in ended.err) == (0, False), ended.err
    assert most_at_once(folder / "log") == (4, 2 * 5 + 3)


def test_a_command_keeps_the_flags_that_it_is_given(plan: PlanIn) -> None:
    root = plan("tasks: {a: {run: 'echo \"$MAKEFLAGS\"', env: {MAKEFLAGS: k -j9}}}")
    assert weft("run", "-j3", cwd=root).out.startswith("k -j3 --jobserver-auth=fifo:/")


def test_nothing_is_left_of_the_jobserver(plan: PlanIn) -> None:
    root = plan("tasks: {a: ls -A .weft/runs/latest/ > seen}")
    assert weft("run", cwd=root).code == 0
    assert ".jobs" in (root / "seen").read_text().split()
    assert ".jobs" not in os.listdir(root / ".weft" / "runs" / "latest")


@pytest.mark.parametrize("how", [["--no-jobserver"], []], ids=["option", "variable"])
def test_a_run_that_shares_no_jobs_tells_commands_of_none(how: list[str], plan: PlanIn) -> None:
    root = plan("tasks: {a: 'echo \"[$MAKEFLAGS]\"; test -e /proc/$$/fd/97 || echo closed'}")
    ended = weft("run", *how, cwd=root, env={} if how else {"WEFT_NO_JOBSERVER": "1"})
    assert (ended.out, ended.code) == ("[]\nclosed\n", 0)


def test_jobs_that_a_command_does_not_give_back_are_told(plan: PlanIn) -> None:
    ended = weft("run", "-j4", "-q", cwd=plan("tasks: {a: head -c 2 /proc/$$/fd/97}"))
    assert (ended.out, ended.code) == ("", 0)
    assert ended.err == "weft: commands have not given back 2 of the 4 jobs\n"


def test_those_that_a_command_takes_with_it_when_it_is_stopped_are_not(plan: PlanIn) -> None:
    ended = weft("run", "-j4", "-q", cwd=plan("tasks: {a: {run: head -c 9 /proc/$$/fd/97, timeout: 200ms}}"))
    assert ended.code == 124
    assert "jobs" not in ended.err


def test_a_command_that_removes_the_fifo_does_not_keep_others_from_running(plan: PlanIn) -> None:
    root = plan("tasks: {a: rm .weft/runs/latest/.jobs, b: {run: echo b, needs: a}}")
    ended = weft("run", "-q", cwd=root)
    assert (ended.code, ended.err) == (0, "")


# Above


@needs_make
def test_under_make_jobs_are_taken_from_make_and_given_back(folder: Path, plan: PlanIn) -> None:
    plan("tasks: {job: {each: {n: [1, 2, 3, 4, 5, 6]}, run: sh ./job}}")
    made = make(f"all: a b c\na: ; +{RUN} -j8 -q\nb c: ; sh ./job; sh ./job\n", folder)
    # At its end make counts its jobs, and tells when they are not complete.
    assert (made.returncode, made.stderr) == (0, "")
    assert most_at_once(folder / "log") == (4, 6 + 2 * 2)


@needs_make
def test_makes_below_a_weft_below_a_make_share_its_jobs(folder: Path, plan: PlanIn) -> None:
    plan(NESTED)
    made = make(f"all: a b\na: ; +{RUN} -j8 -q\nb: ; sh ./job; sh ./job\n", folder)
    assert (made.returncode, made.stderr) == (0, "")
    assert most_at_once(folder / "log") == (4, 2 * 6 + 3 + 2)


FOUR = """
tasks:
  a: {each: {n: [1, 2, 3]}, run: 'echo > told; exec sleep 1000'}
  b: {run: 'for n in 1 2 3; do read x < told; done; %s'}
"""


@needs_make
@pytest.mark.parametrize(
    ("last", "code"),
    [
        ("exit 1", 1),
        # The parent of the parent of a command is Weft.
        (f'kill -{signal.SIGINT} $(cut -d" " -f4 /proc/$PPID/stat); sleep 1000', 130),
        (f'kill -{signal.SIGTERM} $(cut -d" " -f4 /proc/$PPID/stat); sleep 1000', 143),
    ],
    ids=["failure", "SIGINT", "SIGTERM"],
)
def test_make_gets_its_jobs_back_when_the_run_ends_early(
    last: str, code: int, plan: PlanIn, told: Told
) -> None:
    folder = plan(FOUR % last)
    made = make(f"all: ; +{RUN} -j8 -q --fail-fast\n", folder)
    assert made.returncode == 2
    assert f"Error {code}" in made.stderr
    assert "INTERNAL" not in made.stderr


@needs_make
def test_a_jobserver_out_of_reach_is_told_and_the_run_goes_on(plan: PlanIn) -> None:
    folder = plan("tasks: {a: echo done > done}")
    made = make(f"all: ; {RUN} -q\n", folder)
    assert made.returncode == 0
    assert made.stderr.startswith("weft: the jobserver in MAKEFLAGS is out of reach")
    assert "begin the line in the makefile with `+`" in made.stderr
    assert (folder / "done").exists()


@needs_make
def test_who_wants_no_jobserver_is_told_of_none(plan: PlanIn) -> None:
    made = make(f"all: ; {RUN} -q --no-jobserver\n", plan("tasks: {a: 'true'}"))
    assert (made.returncode, made.stderr) == (0, "")
