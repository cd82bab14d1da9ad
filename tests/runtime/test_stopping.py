from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from tests.executors.blockers import OverPipes
from tests.executors.told import in_a_loop

from weft.errors import TaskFailed
from weft.executors.base import Invocation
from weft.model.limits import MAX_CONCURRENT
from weft.model.outcome import Cancelled, Failed, Skipped, Succeeded
from weft.model.policy import Policy
from weft.model.reason import CancelAsked, DependencyCancelled, Interrupted, Killed, PoolFull, TimedOut
from weft.model.work import Command, ResultFormat, Where
from weft.runtime.engine import Engine
from weft.runtime.handle import Handle
from weft.scheduling.facts import Fact, StopAsked

HASTY = Policy(grace_s=0.1)


async def double(x: int) -> int:
    return 2 * x


class Patient:
    """A coroutine function that goes on until it is stopped, and notes that it was."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.cleaned_up = False

    async def __call__(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cleaned_up = True

    async def tidy(self) -> None:
        try:
            await self()
        finally:
            self.cleaned_up = False
            await asyncio.sleep(0)
            self.cleaned_up = True


# Cancelling one task


@in_a_loop
async def test_a_task_that_is_cancelled_before_it_begins_never_runs() -> None:
    ran = []

    async def note() -> None:
        ran.append("note")

    async with Engine() as engine:
        handle = engine.submit(note)
        handle.cancel()
        with pytest.raises(TaskFailed, match=r"task `note\[0\]` was cancelled"):
            await handle
    assert (handle.outcome, ran) == (Cancelled(CancelAsked()), [])


@in_a_loop
async def test_a_task_that_is_cancelled_while_it_runs_may_clean_up() -> None:
    patient = Patient()
    async with Engine() as engine:
        handle = engine.submit(patient.tidy)
        follower = engine.submit(double, handle)
        await patient.begun.wait()
        handle.cancel()
        assert await handle.wait() == Cancelled(CancelAsked())
        assert patient.cleaned_up
        assert await follower.wait() == Skipped(DependencyCancelled(handle.id))


@in_a_loop
async def test_cancelling_one_task_does_not_hit_another() -> None:
    patients = [Patient(), Patient()]
    async with Engine() as engine:
        first, second = (engine.submit(patient) for patient in patients)
        for patient in patients:
            await patient.begun.wait()
        first.cancel()
        await first.wait()
        assert await engine.submit(double, 1) == 2
        assert second.outcome is None
        second.cancel()


@in_a_loop
async def test_cancelling_a_task_that_has_ended_changes_nothing() -> None:
    async with Engine() as engine:
        handle = engine.submit(double, 1)
        await handle
        handle.cancel()
    handle.cancel()
    await asyncio.sleep(0)
    assert handle.outcome == Succeeded(2)


def test_cancelling_after_the_loop_has_gone_changes_nothing() -> None:
    async def main() -> Handle:
        async with Engine() as engine:
            return engine.submit(double, 1)

    handle = asyncio.run(main())
    handle.cancel()
    assert handle.outcome == Succeeded(2)


@in_a_loop
async def test_a_stop_that_comes_together_with_the_end_comes_too_late() -> None:
    go = asyncio.Event()

    async def end_it() -> str:
        await go.wait()
        engine.seal()
        asyncio.get_running_loop().call_soon(engine.interrupt)
        asyncio.get_running_loop().call_soon(handle.cancel)
        return "ended"

    async with Engine() as engine:
        handle = engine.submit(end_it)
        go.set()
    assert handle.outcome == Succeeded("ended")


@in_a_loop
async def test_the_one_who_waits_for_a_task_is_not_the_task() -> None:
    patient = Patient()
    async with Engine() as engine:
        handle = engine.submit(patient)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await handle
        await patient.begun.wait()
        assert handle.outcome is None
        handle.cancel()


@in_a_loop
async def test_a_function_in_a_thread_is_cancelled_only_while_it_waits_for_its_turn(tmp_path: Path) -> None:
    blocker = OverPipes(tmp_path)
    async with Engine(max_concurrent=1) as engine:
        running = engine.submit(blocker.job.function, *blocker.job.args)
        waiting = engine.submit(int)
        await blocker.begun()
        running.cancel()
        waiting.cancel()
        assert await waiting.wait() == Cancelled(CancelAsked())
        assert running.outcome is None
        await blocker.release()
        assert await running.wait() == Succeeded("released")


@in_a_loop
async def test_a_function_in_a_process_can_be_cancelled(tmp_path: Path) -> None:
    blocker = OverPipes(tmp_path)
    async with Engine() as engine:
        handle = engine.submit(blocker.job.function, *blocker.job.args, where=Where.PROCESS)
        await blocker.begun()
        handle.cancel()
        assert await handle.wait() == Cancelled(CancelAsked())


@in_a_loop
async def test_a_command_can_be_cancelled(tmp_path: Path) -> None:
    blocker = OverPipes(tmp_path)
    async with Engine(root=tmp_path) as engine:
        handle = engine.submit(Command("echo begun > begun; sleep 1000"))
        await blocker.begun()
        handle.cancel()
        assert await handle.wait() == Cancelled(CancelAsked())


# Too late


async def patient() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    "script",
    [
        "(trap '' TERM HUP; exec sleep 1000) & wait",
        "trap '' TERM; sleep 1000 & while :; do wait; done",
        "setsid sleep 1000; :",
        "trap '' TERM; setsid sh -c 'trap \"\" TERM; while :; do sleep 0.01; done'; :",
    ],
    ids=["it is deaf", "both are deaf", "it has left", "it has left, both are deaf"],
)
@in_a_loop
async def test_a_timeout_returns_in_time_though_a_grandchild_holds_the_pipe(
    script: str, tmp_path: Path
) -> None:
    async with Engine(root=tmp_path, policy=HASTY) as engine:
        held = Command(script, result=ResultFormat.TEXT)
        handle = engine.submit(held, timeout_s=0.2)
        assert await handle.wait() == Failed(TimedOut(0.2))


@pytest.mark.parametrize(
    ("function", "args", "where"),
    [
        (patient, (), Where.LOOP),
        (time.sleep, (1000,), Where.PROCESS),
        (Command("trap '' TERM; while :; do sleep 0.01; done"), (), None),
    ],
    ids=["coroutine", "process", "command"],
)
@in_a_loop
async def test_a_slot_is_free_again_after_a_timeout(
    function: Callable[..., Any] | Command, args: tuple[Any, ...], where: Where | None, tmp_path: Path
) -> None:
    async with Engine(1, root=tmp_path, policy=HASTY) as engine:
        late = engine.submit(function, *args, timeout_s=0.2, where=where)
        assert await engine.submit(double, 1) == 2
        assert late.outcome == Failed(TimedOut(0.2))


def kill_myself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    ("function", "where"),
    [(kill_myself, Where.PROCESS), (Command("kill -KILL $$"), None)],
    ids=["process", "command"],
)
@in_a_loop
async def test_a_slot_is_free_again_after_its_holder_was_killed(
    function: Callable[[], None] | Command, where: Where | None, tmp_path: Path
) -> None:
    async with Engine(1, root=tmp_path) as engine:
        killed = engine.submit(function, where=where)
        assert await engine.submit(double, 1) == 2
        assert killed.outcome == Failed(Killed(signal.SIGKILL))


@in_a_loop
async def test_a_thread_whose_time_is_over_counts_as_busy_until_it_really_ends(tmp_path: Path) -> None:
    blocker = OverPipes(tmp_path)
    async with Engine(1, policy=HASTY) as engine:
        told = asyncio.Event()
        forced = []

        def listen(facts: Iterable[Fact]) -> None:
            forced.extend([fact for fact in facts if isinstance(fact, StopAsked) and fact.force])
            if forced:
                told.set()

        engine.listen(listen)
        late = engine.submit(blocker.job.function, *blocker.job.args, timeout_s=0.01)
        waiting = engine.submit(double, 1)
        await told.wait()
        assert (late.outcome, waiting.outcome) == (None, None)
        assert engine.waiting(waiting) == (PoolFull(MAX_CONCURRENT, free=0, asked=1),)
        await blocker.release()
        assert await waiting == 2
        assert late.outcome == Failed(TimedOut(0.01))


@in_a_loop
async def test_a_coroutine_whose_time_is_over_may_clean_up() -> None:
    patient = Patient()
    async with Engine() as engine:
        late = engine.submit(patient.tidy, timeout_s=0.01)
        assert await late.wait() == Failed(TimedOut(0.01))
        assert patient.cleaned_up


@in_a_loop
async def test_who_is_deaf_to_an_interrupt_is_killed_when_the_grace_is_over(tmp_path: Path) -> None:
    blocker = OverPipes(tmp_path)
    async with Engine(root=tmp_path, policy=HASTY) as engine:
        deaf = engine.submit(Command("trap '' TERM; echo begun > begun; while :; do sleep 1; done"))
        await blocker.begun()
        engine.interrupt()
    assert deaf.outcome == Cancelled(Interrupted())


# Leaving the block


@in_a_loop
async def test_leaving_the_block_by_an_exception_stops_everything_and_waits() -> None:
    patient = Patient()
    engine = Engine(max_concurrent=1)
    handles = []

    async def body() -> None:
        async with engine:
            handles.extend([engine.submit(patient.tidy), engine.submit(double, 1)])
            await patient.begun.wait()
            raise LookupError("no such page")

    with pytest.raises(LookupError, match="no such page"):
        await body()
    assert patient.cleaned_up
    assert [handle.outcome for handle in handles] == [Cancelled(Interrupted()), Skipped(Interrupted())]


@in_a_loop
async def test_a_failure_that_is_awaited_in_the_block_stops_the_rest() -> None:
    patient = Patient()

    async def fail() -> None:
        await patient.begun.wait()
        raise LookupError("no such page")

    async def body() -> None:
        async with Engine() as engine:
            engine.submit(patient)
            await engine.submit(fail)

    with pytest.raises(LookupError, match="no such page"):
        await body()
    assert patient.cleaned_up


async def in_the_body(engine: Engine) -> None:
    await asyncio.Event().wait()


async def at_the_end_of_the_block(engine: Engine) -> None:
    """Leave the block at once: the wait for the tasks is what is cancelled."""


async def in_close(engine: Engine) -> None:
    await engine.close()


@pytest.mark.parametrize("body", [in_the_body, at_the_end_of_the_block, in_close])
@in_a_loop
async def test_a_timeout_around_the_block_stops_the_tasks(body: Callable[[Engine], Awaitable[None]]) -> None:
    patient = Patient()

    handles = []

    async def expire(at: asyncio.Timeout) -> None:
        await patient.begun.wait()
        at.reschedule(0)

    async def within_a_timeout() -> None:
        async with asyncio.timeout(None) as at, Engine() as engine, asyncio.TaskGroup() as group:
            handles.append(engine.submit(patient))
            group.create_task(expire(at))
            await body(engine)

    with pytest.raises(TimeoutError):
        await within_a_timeout()
    assert patient.cleaned_up
    assert handles[0].outcome == Cancelled(Interrupted())
    current = asyncio.current_task()
    assert current is not None
    assert current.cancelling() == 0


@in_a_loop
async def test_whoever_waits_is_cancelled_once_all_has_ended(tmp_path: Path) -> None:
    blocker = OverPipes(tmp_path)
    before = set(threading.enumerate())

    async def main() -> None:
        async with Engine() as engine:
            engine.submit(blocker.job.function, *blocker.job.args)

    running = asyncio.create_task(main())
    await blocker.begun()
    for _ in range(2):  # impatience does not leave a thread behind
        running.cancel()
        await asyncio.sleep(0)
        assert not running.done()
    await blocker.release()
    with pytest.raises(asyncio.CancelledError):
        await running
    started = set(threading.enumerate()) - before
    assert not [thread for thread in started if thread.name.startswith("weft-")]


@in_a_loop
async def test_a_command_that_is_deaf_to_a_polite_stop_ends_with_the_second(tmp_path: Path) -> None:
    blocker = OverPipes(tmp_path)

    async def main() -> None:
        async with Engine(root=tmp_path) as engine:
            deaf = engine.submit(Command("trap '' TERM; echo begun > begun; while :; do sleep 1; done"))
            try:
                await deaf
            finally:
                outcomes.append(deaf)

    outcomes: list[Handle] = []
    running = asyncio.create_task(main())
    await blocker.begun()
    running.cancel()
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert outcomes[0].outcome == Cancelled(Interrupted())


@in_a_loop
async def test_an_interrupted_engine_starts_nothing_new() -> None:
    async with Engine() as engine:
        engine.interrupt(2)
        early = engine.submit(double, 1)
        assert await early.wait() == Skipped(Interrupted(2))


# Exceptions that are no Exception


@in_a_loop
async def test_a_timeout_inside_a_task_is_its_own_affair() -> None:
    async def give_up() -> str:
        try:
            async with asyncio.timeout(0):
                await asyncio.Event().wait()
        except TimeoutError:
            return "gave up"
        return "never"

    async with Engine() as engine:
        assert await engine.submit(give_up) == "gave up"


@in_a_loop
async def test_a_task_that_cancels_itself_was_cancelled() -> None:
    async def cancel_myself() -> None:
        current = asyncio.current_task()
        assert current is not None
        current.cancel()
        await asyncio.sleep(0)

    async with Engine() as engine:
        handle = engine.submit(cancel_myself)
        with pytest.raises(TaskFailed, match="was cancelled"):
            await handle
        assert await engine.submit(double, 1) == 2


def leave() -> None:
    sys.exit(3)


async def leave_async() -> None:
    sys.exit(3)


class Unusual(BaseException):
    pass


async def raise_unusual() -> None:
    raise Unusual("no Exception")


def interrupt_myself() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("job", "told"),
    [
        (Invocation(leave), "SystemExit: 3"),
        (Invocation(leave_async), "SystemExit: 3"),
        (Invocation(raise_unusual), "Unusual: no Exception"),
        (Invocation(interrupt_myself), "KeyboardInterrupt"),
    ],
    ids=["exit in a thread", "exit in the loop", "in the loop", "KeyboardInterrupt in a thread"],
)
@in_a_loop
async def test_what_is_no_exception_fails_its_task_alone(job: Invocation, told: str) -> None:
    async with Engine() as engine:
        handle = engine.submit(job.function)
        with pytest.raises(TaskFailed, match=told):
            await handle
        assert isinstance(handle.outcome, Failed)
        assert await engine.submit(double, 1) == 2


@in_a_loop
async def test_a_worker_process_that_exits_fails_its_task_alone() -> None:
    async with Engine() as engine:
        handle = engine.submit(os._exit, 3, where=Where.PROCESS)
        with pytest.raises(TaskFailed, match="exit code 3"):
            await handle
        assert await engine.submit(os.getpid, where=Where.PROCESS) != os.getpid()


@in_a_loop
async def test_a_stop_iteration_is_raised_as_python_raises_it_in_coroutines() -> None:
    def stop(x: int) -> Any:
        raise StopIteration(x)

    async with Engine() as engine:
        handle = engine.submit(stop, 1)
        with pytest.raises(RuntimeError, match="StopIteration"):
            await handle


@in_a_loop
async def test_text_of_a_command_reaches_who_needs_it_after_another_was_cancelled(tmp_path: Path) -> None:
    patient = Patient()
    async with Engine(root=tmp_path) as engine:
        stopped = engine.submit(patient)
        await patient.begun.wait()
        said = engine.submit(Command("echo said", result=ResultFormat.TEXT))
        heard = engine.submit(str.upper, said)
        stopped.cancel()
        assert await heard == "SAID"
