from __future__ import annotations

import asyncio
import contextvars
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.executors.told import in_a_loop

import weft
from weft.errors import PlanError, TaskFailed, TaskFailures, UsageError
from weft.model.limits import Pool
from weft.model.outcome import Failed, Skipped, Succeeded
from weft.model.reason import DependencyFailed, Exited
from weft.model.work import Command, ResultFormat, Where
from weft.scheduling.states import RunState

# A task is a process of its own, which must find this Weft and no other.
SOURCE = str(Path(weft.__path__[0]).parent)


def one() -> int:
    return 1


async def two() -> int:
    return 2


def fail(error: Exception) -> None:
    raise error


def with_arun(plan: Any, **options: Any) -> weft.Report:
    return asyncio.run(weft.arun(plan, **options))


both_doors = pytest.mark.parametrize("run", [weft.run, with_arun], ids=["run", "arun"])
Run = Callable[..., weft.Report]


@both_doors
def test_outcomes_and_results_stand_in_plan_order(run: Run) -> None:
    plan = weft.Plan(max_concurrent=2)
    last = plan.add(one, id="needs the others", needs=["async", "in a process"])
    plan.add(two, id="async")
    plan.add(os.getppid, id="in a process", where=Where.PROCESS)
    report = run(plan)
    assert report.state is RunState.SUCCEEDED
    assert list(report.outcomes) == ["needs the others", "async", "in a process"]
    assert (report.results[last.task], report.results["async"]) == (1, 2)
    assert report.not_succeeded == {}
    report.raise_for_failures()


@both_doors
def test_results_flow_into_arguments_however_deep(run: Run) -> None:
    plan = weft.Plan()
    a, b = plan.add(one), plan.add(two)
    plan.add(lambda *given: given, a, [b, {"k": (a, b)}], "plain", id="all")
    assert run(plan).results["all"] == (1, [2, {"k": (1, 2)}], "plain")


@both_doors
def test_a_plan_of_nothing_succeeds(run: Run) -> None:
    report = run(weft.Plan())
    assert (report.state, report.outcomes) == (RunState.SUCCEEDED, {})


@both_doors
def test_a_failure_skips_what_needs_it_and_nothing_else(run: Run) -> None:
    plan = weft.Plan()
    plan.add(one)
    broken = plan.add(fail, LookupError("no such page"), id="broken")
    plan.add(print, broken, id="needs it")
    plan.add(two, needs=["needs it"], id="needs that")
    plan.add(two)
    report = run(plan)
    assert report.state is RunState.FAILED
    assert report.results == {"one": 1, "two": 2}
    assert isinstance(report.outcomes["broken"], Failed)
    skipped = Skipped(DependencyFailed("broken"))
    assert report.outcomes["needs it"] == report.outcomes["needs that"] == skipped


def test_all_failures_are_raised_together_in_plan_order(tmp_path: Path) -> None:
    plan = weft.Plan(root=tmp_path)
    plan.add(Command("exit 3"), id="build")
    plan.add(fail, LookupError("no such page"), id="broken")
    plan.add(one, needs=["build"], id="skipped")
    with pytest.raises(TaskFailures, match="3 of 3 tasks did not succeed") as caught:
        weft.run(plan).raise_for_failures()
    assert isinstance(caught.value, ExceptionGroup)
    assert [str(error) for error in caught.value.exceptions] == [
        "task `build` failed: exit code 3",
        "no such page",
        "task `skipped` was skipped: `build` failed",
    ]
    assert [type(error) for error in caught.value.exceptions] == [TaskFailed, LookupError, TaskFailed]


def test_a_plan_can_be_run_again() -> None:
    plan = weft.Plan()
    plan.add(one)
    assert weft.run(plan).results == weft.run(plan).results == {"one": 1}


def test_functions_see_the_callers_variables() -> None:
    caller = contextvars.ContextVar("caller", default="unset")
    plan = weft.Plan()
    plan.add(caller.get)
    plan.add(caller.get, where=Where.LOOP)
    caller.set("mine")
    assert set(weft.run(plan).results.values()) == {"mine"}


# Size


def most_at_once(plan_says: int | None, run_says: int | None) -> int:
    running, most = 0, 0

    async def count() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    plan = weft.Plan(max_concurrent=plan_says)
    for _ in range(20):
        plan.add(count)
    weft.run(plan, max_concurrent=run_says)
    return most


def test_the_run_decides_how_many_at_once_then_the_plan_then_the_default() -> None:
    assert most_at_once(plan_says=2, run_says=3) == 3
    assert most_at_once(plan_says=2, run_says=None) == 2
    assert most_at_once(plan_says=None, run_says=None) == 5


@both_doors
def test_there_must_be_room_for_one(run: Run) -> None:
    with pytest.raises(PlanError, match="`max_concurrent` is 0; expected 1 or more"):
        run(weft.Plan(), max_concurrent=0)


# Mistakes


@both_doors
def test_all_mistakes_are_told_at_once_without_a_file(run: Run) -> None:
    ran = []
    plan = weft.Plan(limits={"gpu": Pool(0)})
    plan.add(lambda: ran.append(1), id="build")
    plan.add(one, needs=["biuld"], limits={"gup": 1})
    with pytest.raises(PlanError) as caught:
        run(plan)
    assert str(caught.value).split("\n") == [
        "limit `gpu` is 0; expected 1 or more",
        "task `one` needs `biuld`, which is not in the plan",
        "  hint: did you mean `build`?",
        "task `one` uses limit `gup`, which is not in the plan",
        "  hint: did you mean `gpu`?",
    ]
    assert [problem.place for problem in caught.value.problems] == [None] * 3
    assert ran == []


@both_doors
def test_a_circle_is_told_with_its_members(run: Run) -> None:
    plan = weft.Plan()
    plan.add(one, id="a", needs=["b"])
    plan.add(one, id="b", needs=["a"])
    with pytest.raises(PlanError, match="these tasks wait for each other: `a` -> `b` -> `a`"):
        run(plan)


@both_doors
def test_a_path_is_no_plan(run: Run) -> None:
    with pytest.raises(UsageError, match=r"found 'weft.yaml'\n  hint: `weft.load\(path\)` makes one"):
        run("weft.yaml")


def test_a_folder_that_can_not_be_made_is_told_before_anything_runs(tmp_path: Path) -> None:
    ran = []
    (tmp_path / ".weft").write_text("a file")
    plan = weft.Plan(root=tmp_path)
    plan.add(lambda: ran.append(1))
    plan.add(Command("true"))
    with pytest.raises(UsageError, match="can't make the folder of the run"):
        weft.run(plan)
    assert ran == []


def test_in_a_running_loop_the_error_tells_what_to_write() -> None:
    async def main() -> weft.Report:
        with pytest.raises(UsageError, match=r"write `await weft.arun\(...\)` instead"):
            weft.run(weft.Plan())
        return await weft.arun(weft.Plan())

    assert asyncio.run(main()).state is RunState.SUCCEEDED


# Commands


def test_commands_and_functions_stand_in_one_plan(tmp_path: Path) -> None:
    plan = weft.Plan(root=tmp_path)
    plan.add(lambda: {"n": 2}, id="made")
    script = "import weft; print(weft.results()['made']['n'] * 21)"
    command = Command((sys.executable, "-c", script), env={"PYTHONPATH": SOURCE}, result=ResultFormat.JSON)
    answer = plan.add(command, id="script", needs=["made"])
    plan.add(lambda n: n + 1, answer, id="after")
    report = weft.run(plan)
    assert report.results == {"made": {"n": 2}, "script": 42, "after": 43}


def test_a_plan_file_can_be_run_from_python(tmp_path: Path) -> None:
    (tmp_path / "weft.yaml").write_text(
        "tasks:\n"
        "  numbers: {each: {n: [1, 2]}, run: 'echo {n}', result: json}\n"
        "  broken: {run: exit 3, needs: numbers}\n",
        encoding="utf-8",
    )
    report = weft.run(weft.load(tmp_path / "weft.yaml"))
    assert report.results == {"numbers[1]": 1, "numbers[2]": 2}
    assert report.outcomes["broken"] == Failed(Exited(3))
    assert report.state is RunState.FAILED


def test_a_result_that_json_does_not_hold_fails_the_command_that_needs_it(tmp_path: Path) -> None:
    plan = weft.Plan(root=tmp_path)
    strange = plan.add(object)
    plan.add(Command("true"), id="command", needs=[strange])
    plan.add(id, strange, id="function")
    report = weft.run(plan)
    with pytest.raises(TaskFailures) as caught:
        report.raise_for_failures()
    (error,) = caught.value.exceptions
    assert str(error).startswith("the result of `object` can't be written as JSON: ")
    assert isinstance(report.outcomes["function"], Succeeded)


# Showing


def test_progress_of_functions_goes_to_standard_error_alone(capfd: pytest.CaptureFixture[str]) -> None:
    plan = weft.Plan()
    plan.add(one)
    weft.run(plan, progress=True)
    written = capfd.readouterr()
    assert written.out == ""
    assert "[1/1] one succeeded" in written.err


QUEUE = """
import sys
import weft

plan = weft.Plan(max_concurrent=1)
plan.add(sys.stdin.readline)
plan.add(int)
weft.run(plan, progress=True)
"""


def test_a_terminal_shows_what_waits_and_for_what() -> None:
    far, near = os.openpty()
    shown = b""
    command = [sys.executable, "-c", QUEUE]
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": SOURCE, "TERM": "xterm"}
    with subprocess.Popen(command, env=variables, stdin=subprocess.PIPE, stderr=near) as program:
        os.close(near)
        while b"1  waiting: " not in shown:
            shown += os.read(far, 4096)
        program.communicate(b"\n")
    os.close(far)
    assert program.returncode == 0


def test_without_progress_nothing_is_written(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    plan = weft.Plan(root=tmp_path)
    plan.add(fail, LookupError())
    plan.add(Command("echo said; echo told >&2; exit 1"))
    weft.run(plan)
    assert capfd.readouterr() == ("", "")


# Stopping


@in_a_loop
async def test_a_run_that_is_cancelled_stops_its_tasks() -> None:
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def patient() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    plan = weft.Plan()
    plan.add(patient)
    running = asyncio.create_task(weft.arun(plan))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert stopped.is_set()


@in_a_loop
async def test_several_runs_at_once_do_not_mix() -> None:
    plans = []
    for n in range(5):
        plan = weft.Plan()
        plan.add(sum, [plan.add(one), plan.add(two), n], id="sum")
        plans.append(plan)
    reports = await asyncio.gather(*[weft.arun(plan) for plan in plans])
    assert [report.results["sum"] for report in reports] == [3, 4, 5, 6, 7]
