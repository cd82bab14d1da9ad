"""Faults of our own: nobody waits for ever, nothing runs on, and nothing is left behind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.executors.blockers import OverPipes
from tests.executors.told import TIMEOUT_S, in_a_loop

from weft.errors import UsageError
from weft.model.work import Command, Where
from weft.runtime.engine import Engine
from weft.scheduling.facts import Fact


async def double(x: int) -> int:
    return 2 * x


def break_down(engine: Engine) -> None:
    """Let the next turn fail: what the scheduler knows of positions is wrong from now on."""
    engine._scheduler.tasks.states.append(0)


@in_a_loop
async def test_a_turn_that_breaks_down_reaches_whoever_waits() -> None:
    engine = Engine()
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def patient() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async def body() -> None:
        async with engine:
            running = engine.submit(patient)
            await begun.wait()
            break_down(engine)
            lost = engine.submit(double, 1)
            for handle in (lost, running, lost):
                with pytest.raises(AssertionError, match="position 1 is not next"):
                    await handle
            with pytest.raises(UsageError, match="takes no more tasks"):
                engine.submit(double, 1)
            running.cancel()
            await stopped.wait()

    with pytest.raises(AssertionError, match="position 1 is not next"):
        await body()


@in_a_loop
async def test_a_turn_that_breaks_down_ends_the_wait_at_the_end_of_the_block() -> None:
    async def body() -> None:
        async with Engine() as engine:
            break_down(engine)
            engine.submit(double, 1)

    with pytest.raises(AssertionError, match="position 0 is not next"):
        await body()


@in_a_loop
async def test_what_ran_when_a_turn_broke_down_is_ended(tmp_path: Path) -> None:
    (tmp_path / "process").mkdir()
    command, process = OverPipes(tmp_path), OverPipes(tmp_path / "process")
    before = set(threading.enumerate())

    async def body() -> None:
        async with Engine(root=tmp_path) as engine:
            engine.submit(Command("echo begun > begun; sleep 1000"))
            engine.submit(process.job.function, *process.job.args, where=Where.PROCESS)
            await command.begun()
            await process.begun()
            break_down(engine)
            engine.submit(double, 1)

    with pytest.raises(AssertionError, match="position 2 is not next"):
        await body()
    for thread in set(threading.enumerate()) - before:
        if thread.name.startswith("weft-"):
            thread.join(TIMEOUT_S)
            assert not thread.is_alive()


@in_a_loop
async def test_a_subscriber_that_fails_does_not_disturb_the_run(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Fact] = []

    def fail(facts: Sequence[Fact]) -> None:
        raise LookupError("no such bar")

    async with Engine() as engine:
        engine.listen(fail)
        engine.listen(heard.extend)
        assert await engine.submit(double, 1) == 2
    assert len(heard) == 6  # run started, added, started, ended twice, run ended
    assert [record.name for record in caplog.records if record.exc_info] == ["weft.bus"]
