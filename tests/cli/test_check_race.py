"""`weft check --race`: a race is found by running copies of the plan, and named."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.process import TIMEOUT_S, Told, ends, start, weft

PlanIn = Callable[..., Path]

RACY = """
tasks:
  a: {run: "echo a >> shared; echo a > a.out", writes: a.out}
  b: {run: "echo b >> shared", writes: []}
"""
SOUND = """
tasks:
  a: {run: "echo a >> shared", writes: shared}
  b: {run: "echo b >> shared", writes: shared}
  c: {run: "cat shared", reads: shared, result: text}
"""
LOST_READ = """
tasks:
  a: {run: "sleep 0.05; echo a > a.out", writes: a.out}
  b: {run: "cat a.out > b.out 2>/dev/null || true", writes: b.out}
"""


def files(root: Path) -> set[str]:
    return {path.name for path in root.iterdir()} - {".weft"}


def test_a_planted_race_is_found_and_named(plan: PlanIn) -> None:
    root = plan(RACY)
    ended = weft("check", "--race", cwd=root)
    assert ended.code == 1
    assert "`shared` differs in backwards" in ended.out
    assert "written by `a`, `b`; not declared under the `writes` of `a`, `b`\n" in ended.out
    assert "one-by-one: 2 tasks in " in ended.err


@pytest.mark.parametrize("seed", range(3))
def test_a_planted_race_is_found_by_shuffled_runs_alone(plan: PlanIn, seed: int) -> None:
    ended = weft("check", "--race", "--rounds", "20", "--seed", str(seed), cwd=plan(RACY))
    assert "round-" in next(line for line in ended.out.splitlines() if "`shared` differs" in line)


def test_a_read_that_is_not_declared_is_found_and_the_one_who_writes_beside_it_is_named(
    plan: PlanIn,
) -> None:
    ended = weft("check", "--race", cwd=plan(LOST_READ))
    assert ended.code == 1
    assert "`b.out` differs in backwards" in ended.out
    assert "written by `b`, beside which these write, too: `a`\n" in ended.out


def test_a_sound_plan_is_told_to_be_so_and_leaves_nothing_behind(plan: PlanIn) -> None:
    root = plan(SOUND)
    ended = weft("check", "--race", "--strict", "--rounds", "3", cwd=root)
    assert ended.code == 0, ended.out
    assert ended.out == (
        "no race found: 4 runs in other orders left the files and results of one task after the other\n"
    )
    assert files(root) == {"weft.yaml"}
    assert os.listdir(root / ".weft" / "race") == []


def test_undeclared_writes_are_told_and_fail_when_strict(plan: PlanIn) -> None:
    root = plan("tasks: {a: {run: touch b, writes: a}}")
    lax = weft("check", "--race", "--rounds", "0", cwd=root)
    assert (lax.code, lax.out.splitlines()[1:]) == (0, ["not declared: `a` created `b`"])
    assert weft("check", "--race", "--rounds", "0", "--strict", cwd=root).code == 1


def test_strict_keeps_what_is_not_declared_in_its_place_so_that_it_can_not_race(plan: PlanIn) -> None:
    root = plan("tasks: {a: echo a >> shared, b: echo b >> shared}")
    assert "a race" in weft("check", "--race", cwd=root).out
    assert "no race found" in weft("check", "--race", "--strict", "--rounds", "2", cwd=root).out


def test_copies_that_differ_are_kept_on_request(plan: PlanIn) -> None:
    root = plan(RACY)
    ended = weft("check", "--race", "--rounds", "0", "--keep", cwd=root)
    (room,) = (root / ".weft" / "race").iterdir()
    assert f"the copies are kept in {room}\n" in ended.out
    assert sorted(os.listdir(room)) == ["backwards", "one-by-one"]
    assert (room / "one-by-one" / "shared").read_text() == "a\nb\n"
    assert (room / "backwards" / "shared").read_text() == "b\na\n"
    assert stat.S_IMODE(room.stat().st_mode) == 0o700


def test_what_is_different_every_time_is_no_race(plan: PlanIn) -> None:
    ended = weft("check", "--race", "--rounds", "1", cwd=plan("tasks: {a: date +%N > when}"))
    assert ended.code == 0
    assert "not compared, as it changes even from one such run to the next: `when`" in ended.out


def test_a_path_of_the_copy_that_is_written_into_a_file_is_no_difference(plan: PlanIn) -> None:
    ended = weft(
        "check", "--race", "--rounds", "2", cwd=plan("tasks: {a: {run: pwd > where, writes: where}}")
    )
    assert ended.out.startswith("no race found")
    assert len(ended.out.splitlines()) == 1


def test_a_plan_with_mistakes_is_not_run(plan: PlanIn) -> None:
    ended = weft("check", "--race", cwd=plan("tasks: {a: {run: touch x, needs: b}}"))
    assert ended.code == 2
    assert "needs `b`, which is not in the plan" in ended.err


def test_an_interrupt_leaves_nothing_behind(plan: PlanIn, told: Told, tmp_path: Path) -> None:
    root = plan(f"tasks: {{a: 'echo $$ > {tmp_path}/told; exec sleep 60'}}")
    process = start("check", "--race", cwd=root)
    pid = int(told.line())
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 130
    assert ends(pid)
    assert os.listdir(root / ".weft" / "race") == []


@pytest.mark.parametrize("option", [["--rounds", "3"], ["--seed", "3"], ["-j", "3"], ["--keep"]])
def test_an_option_of_the_race_has_no_effect_without_it(option: list[str], plan: PlanIn) -> None:
    ended = weft("check", *option, cwd=plan("tasks: {a: x}"))
    assert ended.code == 2
    assert "has no effect without --race" in ended.err
