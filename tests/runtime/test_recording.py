from __future__ import annotations

import asyncio
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from tests.executors.told import in_a_loop

from weft.errors import UsageError
from weft.journal.database import JournalError
from weft.journal.standing import Standing
from weft.model.outcome import Cancelled, Failed, Skipped, Succeeded
from weft.model.plan import Plan
from weft.model.reason import NotRecorded, TaskChanged
from weft.model.work import Command
from weft.runtime.engine import Engine
from weft.runtime.history import LATEST, history, run_named
from weft.runtime.layout import journal_of
from weft.runtime.links import prepare_on_disk
from weft.runtime.resuming import take_up
from weft.runtime.run import run_plan
from weft.scheduling.facts import AttemptStarted, Fact, TaskTakenUp
from weft.scheduling.states import RunState
from weft.testing import task
from weft.views.report import Report


def plan_in(folder: Path, *tasks: Sequence[str]) -> Plan:
    made = (task(id, work=Command(command), needs=needs) for id, command, *needs in tasks)
    return Plan(tuple(made), root=str(folder))


def run(folder: Path, *tasks: Sequence[str], resume: bool = False) -> Report:
    """Run tasks, each told by its id, its command and what it needs."""
    prepared = prepare_on_disk(plan_in(folder, *tasks))
    takeover = take_up(prepared) if resume else None
    taken_up = takeover.of(prepared.tasks) if takeover is not None else None
    return asyncio.run(run_plan(prepared, journal=True, taken_up=taken_up))


def recorded(folder: Path, name: str = LATEST) -> tuple[Standing, list[Fact]]:
    with history(folder) as journal:
        assert journal is not None
        record = run_named(journal, name)
        return record.standing, list(journal.facts(record))


async def number() -> int:
    return 7


@in_a_loop
async def test_an_engine_records_nothing_unless_it_is_asked_to(tmp_path: Path) -> None:
    async with Engine(root=tmp_path) as engine:
        assert await engine.submit(number) == 7
    assert not (tmp_path / ".weft").exists()


@in_a_loop
async def test_what_an_engine_does_is_in_the_journal_before_its_work_begins(tmp_path: Path) -> None:
    seen: list[Fact] = []

    async def look() -> None:
        seen.extend(recorded(tmp_path)[1])

    async with Engine(root=tmp_path, journal=True) as engine:
        handle = engine.submit(look)
        await handle
        assert recorded(tmp_path)[0] is Standing.RUNNING
    assert [type(fact).__name__ for fact in seen] == ["RunStarted", "TaskAdded", "AttemptStarted"]
    standing, facts = recorded(tmp_path)
    assert standing is Standing.SUCCEEDED
    assert facts[: len(seen)] == seen


def test_a_run_that_takes_up_another_records_what_it_took_over(tmp_path: Path) -> None:
    run(tmp_path, ("a", "true"), ("b", "test -e ok", "a"))
    (tmp_path / "ok").touch()
    second = run(tmp_path, ("a", "true"), ("b", "test -e ok", "a"), resume=True)
    third = run(tmp_path, ("a", "true"), ("b", "true", "a"), resume=True)
    assert (second.taken_over, third.taken_over) == (("a",), ("a",))
    assert third.state is RunState.SUCCEEDED
    with history(tmp_path) as journal:
        assert journal is not None
        last, before, _ = journal.runs()
        assert third.resumed == before.id
        told = [fact for fact in journal.facts(last) if isinstance(fact, TaskTakenUp)]
        assert [(fact.again, fact.has_written) for fact in told] == [
            (None, False),
            (TaskChanged(("command",)), True),
        ]


def test_the_latest_run_of_this_plan_is_taken_up_where_several_share_a_directory(tmp_path: Path) -> None:
    run(tmp_path, ("a", "true"), ("b", "false"))
    run(tmp_path, ("a", "echo another a"), ("x", "true"), ("y", "true"))
    resumed = run(tmp_path, ("a", "true"), ("b", "true"), resume=True)
    assert resumed.taken_over == ("a",)


def test_with_no_run_of_this_plan_there_is_nothing_to_take_up(tmp_path: Path) -> None:
    prepared = prepare_on_disk(plan_in(tmp_path, ("a", "true")))
    assert take_up(prepared) is None
    with pytest.raises(UsageError, match="no run was recorded here"):
        take_up(prepared, "20260101-000000-aaaaaa")
    run(tmp_path, ("x", "true"))
    assert take_up(prepared) is None
    with pytest.raises(UsageError, match="no run `nothing` was recorded here"):
        take_up(prepared, "nothing")


@in_a_loop
async def test_a_run_that_goes_on_can_not_be_taken_up(tmp_path: Path) -> None:
    prepared = prepare_on_disk(plan_in(tmp_path, ("a", "true")))
    async with Engine(root=tmp_path) as engine:
        engine.keep_journal(prepared)
        with pytest.raises(UsageError, match="still goes on"):
            take_up(prepared)


def test_a_folder_that_can_not_be_written_is_an_error_before_anything_begins(tmp_path: Path) -> None:
    (tmp_path / ".weft").write_text("no folder")
    with pytest.raises(UsageError, match="can't make the folder"):
        run(tmp_path, ("a", "touch began"))
    assert not (tmp_path / "began").exists()


def test_a_file_that_is_no_journal_is_an_error_before_anything_begins(tmp_path: Path) -> None:
    (tmp_path / ".weft").mkdir()
    journal_of(tmp_path).write_text("this is no database, and never was one" * 100)
    with pytest.raises(JournalError, match="file is not a database"):
        run(tmp_path, ("a", "touch began"))
    assert not (tmp_path / "began").exists()


FULL = """
import asyncio, resource, sys
from pathlib import Path
from tests.runtime.test_recording import run_until_full
run_until_full(Path(sys.argv[1]))
"""


def run_until_full(folder: Path) -> None:
    """Run a chain of tasks with large results, of which the journal has room for some."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
    began: list[int] = []

    async def main() -> None:
        async with Engine(max_concurrent=1, root=folder, journal=True) as engine:
            facts: list[Fact] = []
            engine.listen(facts.extend)

            async def large(n: int) -> str:
                began.append(n)
                return "x" * 100_000

            handles = [engine.submit(large, n) for n in range(50)]
            outcomes = [await handle.wait() for handle in handles]
        kinds = [type(outcome) for outcome in outcomes]
        n = kinds.count(Succeeded)
        assert began == list(range(n)), "what is not recorded as started has not begun"
        assert kinds == [Succeeded] * n + [Cancelled] + [Skipped] * (49 - n)
        (because,) = {end.because for end in outcomes if not isinstance(end, Succeeded | Failed)}
        assert isinstance(because, NotRecorded)
        assert "full" in because.problem or "disk I/O error" in because.problem
        assert sum(isinstance(fact, AttemptStarted) for fact in facts) == n + 1

    asyncio.run(main())


def test_a_disk_that_gets_full_ends_the_run_in_order(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.count("how the run ended is not recorded") == 1
    assert "hint:" not in ran.stderr
    with closing(sqlite3.connect(journal_of(tmp_path))) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
