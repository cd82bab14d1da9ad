"""(h) What does the journal add to a run? The same plan, recorded and not recorded, in turns.

What is compared is the whole of `run_plan`, with the fingerprints of its tasks and the opening and closing of
the file. What reading it back takes stands beside it.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from _side_by_side import Goal, Table, in_turns, size_from_command_line, wall_s

from weft.model.plan import Plan
from weft.model.task import Task
from weft.model.work import Call, Command, Where, Work
from weft.planning.prepare import PreparedPlan, prepare
from weft.runtime.history import history
from weft.runtime.run import run_plan
from weft.scheduling.states import RunState

JOBS = os.cpu_count() or 1
AT_ONCE = 100
US = 1e6


async def no_op(number: int) -> int:
    """Do nothing, as a coroutine."""
    return number


def prepared(folder: str, n_tasks: int, at_once: int, work: Callable[[int], Work]) -> PreparedPlan:
    """Return a plan of tasks that have nothing to do with each other."""
    tasks = tuple(Task(f"t{number}", work(number)) for number in range(n_tasks))
    return prepare(Plan(tasks, max_concurrent=at_once, root=folder))


def run(plan: PreparedPlan, *, journal: bool) -> float:
    """Return the seconds that a run takes."""

    def whole() -> None:
        assert asyncio.run(run_plan(plan, journal=journal)).state is RunState.SUCCEEDED

    return wall_s(whole)


def read_back(plan: PreparedPlan) -> float:
    """Return the seconds that it takes to read the last run, as resuming does."""

    def read() -> None:
        with history(Path(plan.plan.root)) as journal:
            assert journal is not None
            assert len(journal.earlier(journal.runs(1)[0]).outcomes) == len(plan.tasks)

    return wall_s(read)


def main() -> None:
    """Measure and print."""
    size = size_from_command_line(__doc__ or "")
    n_commands, n_calls = size.of(5_000, 40), size.of(100_000, 200)
    table = Table("A run that is recorded, against the same one that is not")
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        commands = prepared(one, n_commands, JOBS, lambda number: Command(("true",)))
        calls = prepared(other, n_calls, AT_ONCE, lambda number: Call(no_op, (number,), {}, Where.LOOP))
        for name, plan in (
            (f"{n_commands:,} x `true` at -j{JOBS}", commands),
            (f"{n_calls:,} coroutines that do nothing, {AT_ONCE} at once", calls),
        ):
            ways = {
                "not recorded": partial(run, plan, journal=False),
                "recorded": partial(run, plan, journal=True),
            }
            found = {way: statistics.median(seconds) for way, seconds in in_turns(ways, size.rounds).items()}
            table.section(name)
            if plan is commands:
                table.against("not recorded", found, {"recorded": Goal("<=", 1.3)})
            else:
                more_us = (found["recorded"] - found["not recorded"]) / n_calls * US
                table.line("not recorded", f"{found['not recorded']:.3f} s")
                table.line("recorded", f"{found['recorded']:.3f} s", more_us, Goal("<=", 12, "us"))
            table.line("reading it back", f"{read_back(plan) * 1e3:.0f} ms")


if __name__ == "__main__":
    main()
