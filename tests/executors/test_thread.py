from __future__ import annotations

import subprocess
import sys
import threading
from itertools import count
from threading import Barrier, Event, Lock
from typing import Any

import pytest
from tests.executors.told import TIMEOUT_S, Told, in_a_loop

from weft.executors.base import Invocation
from weft.executors.thread import ThreadExecutor
from weft.model.attempt import Attempt
from weft.model.outcome import Cancelled, Failed, Outcome, Succeeded
from weft.model.reason import CancelAsked, Raised


class HighWater:
    """Counts how many are inside at once."""

    def __init__(self) -> None:
        self._lock, self._inside, self.most = Lock(), 0, 0

    def visit(self) -> None:
        with self._lock:
            self._inside += 1
            self.most = max(self.most, self._inside)
        with self._lock:
            self._inside -= 1


@in_a_loop
async def test_a_thousand_jobs_never_run_on_more_threads_than_allowed() -> None:
    water, told = HighWater(), Told()
    executor = ThreadExecutor(told, threads=4)
    attempts = [Attempt(task) for task in range(1000)]
    for attempt in attempts:
        executor.start(attempt, Invocation(water.visit))
    for attempt in attempts:
        assert await told.of(attempt) == Succeeded(None)
    assert 1 <= water.most <= 4
    await executor.close()


@in_a_loop
async def test_all_threads_that_are_allowed_can_run_at_once() -> None:
    barrier, told = Barrier(4), Told()
    executor = ThreadExecutor(told, threads=4)
    for task in range(4):
        executor.start(Attempt(task), Invocation(barrier.wait, (TIMEOUT_S,)))
    numbers = [await told.of(Attempt(task)) for task in range(4)]
    assert {outcome.value for outcome in numbers if isinstance(outcome, Succeeded)} == {0, 1, 2, 3}
    await executor.close()


@in_a_loop
async def test_no_thread_is_started_while_one_is_idle() -> None:
    told = Told()
    executor = ThreadExecutor(told, threads=4)
    used = set()
    for task in range(20):
        executor.start(Attempt(task), Invocation(threading.get_ident))
        outcome = await told.of(Attempt(task))
        assert isinstance(outcome, Succeeded)
        used.add(outcome.value)
    assert len(used) == 1
    await executor.close()


@in_a_loop
async def test_a_result_does_not_wait_for_a_long_job_that_comes_after_it() -> None:
    go, told = Event(), Told()
    executor = ThreadExecutor(told, threads=1)
    for task in range(5):
        executor.start(Attempt(task), Invocation(int))
    executor.start(Attempt(5), Invocation(go.wait))
    for task in range(5):
        assert await told.of(Attempt(task)) == Succeeded(0)
    assert Attempt(5) not in told.outcomes
    go.set()
    assert await told.of(Attempt(5)) == Succeeded(True)
    await executor.close()


@in_a_loop
async def test_a_stopped_attempt_keeps_its_thread_until_it_really_ends() -> None:
    begun, go, told = Event(), Event(), Told()

    def work() -> str:
        begun.set()
        go.wait()
        return "as it was"

    executor = ThreadExecutor(told, threads=1)
    executor.start(Attempt(0), Invocation(work))
    executor.start(Attempt(1), Invocation(int))
    executor.start(Attempt(2), Invocation(int))
    begun.wait()
    executor.stop(Attempt(0), force=True)
    executor.stop(Attempt(1), force=True)
    assert await told.of(Attempt(1)) == Cancelled(CancelAsked())
    assert list(told.outcomes) == [Attempt(1)]
    go.set()
    assert await told.of(Attempt(0)) == Succeeded("as it was")
    assert await told.of(Attempt(2)) == Succeeded(0)
    await executor.close()


@in_a_loop
async def test_the_log_says_once_that_a_thread_can_not_be_stopped(caplog: pytest.LogCaptureFixture) -> None:
    begun, go, told = Event(), Event(), Told()

    def stuck() -> None:
        begun.set()
        go.wait()

    executor = ThreadExecutor(told, threads=1)
    for attempt, job in ((Attempt(0), Invocation(stuck)), (Attempt(1), Invocation(int))):
        executor.start(attempt, job)
    begun.wait()
    for force in (False, True):
        for attempt in (Attempt(0), Attempt(1)):
            executor.stop(attempt, force=force)
    go.set()
    await told.of(Attempt(0))
    await told.of(Attempt(1))
    executor.stop(Attempt(0), force=True)
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("weft", "WARNING")
    assert "stuck` was asked to stop, but runs in a thread" in record.getMessage()
    await executor.close()


@pytest.mark.parametrize(
    "error", [StopIteration(1), SystemExit(3), KeyboardInterrupt(), GeneratorExit(), BaseException("base")]
)
@in_a_loop
async def test_any_exception_fails_the_attempt_and_leaves_the_thread_alive(error: BaseException) -> None:
    def throw() -> None:
        raise error

    told = Told()
    executor = ThreadExecutor(told, threads=1)
    executor.start(Attempt(0), Invocation(throw))
    executor.start(Attempt(1), Invocation(int))
    outcome = await told.of(Attempt(0))
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.because, Raised)
    assert outcome.exception is error
    assert await told.of(Attempt(1)) == Succeeded(0)
    await executor.close()


@in_a_loop
async def test_a_wrong_call_is_the_callers_failure() -> None:
    told = Told()
    executor = ThreadExecutor(told, threads=1)
    executor.start(Attempt(0), Invocation(len, (1, 2, 3)))
    outcome = await told.of(Attempt(0))
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.because, Raised)
    assert outcome.because.traceback == f"TypeError: {outcome.because.message}\n"
    await executor.close()


@in_a_loop
async def test_an_error_while_an_end_is_told_does_not_lose_the_next_end() -> None:
    told, faults, numbers = Told(), [], count()
    told._loop.set_exception_handler(lambda loop, context: faults.append(context["exception"]))

    def sometimes(attempt: Attempt, outcome: Outcome) -> None:
        told(attempt, outcome)
        if next(numbers) == 0:
            raise RuntimeError("a mistake of ours")

    executor = ThreadExecutor(sometimes, threads=1)
    attempts = [Attempt(task) for task in range(10)]
    for attempt in attempts:
        executor.start(attempt, Invocation(int))
    for attempt in attempts:
        await told.of(attempt)
    assert len(faults) == 1
    await executor.close()


@in_a_loop
async def test_threads_are_gone_after_close() -> None:
    before = set(threading.enumerate())
    told = Told()
    executor = ThreadExecutor(told, threads=3)
    for task in range(9):
        executor.start(Attempt(task), Invocation(int))
    for task in range(9):
        await told.of(Attempt(task))
    assert set(threading.enumerate()) > before
    await executor.close()
    assert set(threading.enumerate()) == before


@in_a_loop
async def test_close_does_not_wait_for_a_stuck_function() -> None:
    begun, go, told = Event(), Event(), Told()

    def work() -> None:
        begun.set()
        go.wait()

    executor = ThreadExecutor(told, threads=2)
    executor.start(Attempt(0), Invocation(work))
    begun.wait()
    await executor.close()
    assert told.outcomes == {}
    go.set()
    assert await told.of(Attempt(0)) == Succeeded(None)


class Heavy:
    """Can be told when it is given up."""

    def __init__(self, given_up: Event) -> None:
        self._given_up = given_up

    def __del__(self) -> None:
        self._given_up.set()


@in_a_loop
async def test_an_idle_thread_holds_on_to_nothing() -> None:
    given_up, told = Event(), Told()
    executor = ThreadExecutor(told, threads=1)
    executor.start(Attempt(0), Invocation(id, (Heavy(given_up),)))
    await told.of(Attempt(0))
    executor.start(Attempt(1), Invocation(int))
    await told.of(Attempt(1))
    assert given_up.is_set()
    await executor.close()


STUCK = """
import asyncio, threading
from weft.executors.base import Invocation
from weft.executors.thread import ThreadExecutor
from weft.model.attempt import Attempt

async def main():
    begun = threading.Event()
    def work():
        begun.set()
        threading.Event().wait()
    ThreadExecutor(print, threads=2).start(Attempt(0), Invocation(work))
    begun.wait()

asyncio.run(main())
print("over")
"""


def test_a_stuck_function_does_not_keep_the_interpreter_from_ending() -> None:
    ran: subprocess.CompletedProcess[Any] = subprocess.run(
        [sys.executable, "-c", STUCK], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "over\n", "")
