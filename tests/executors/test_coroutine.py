from __future__ import annotations

import asyncio
import gc
from collections.abc import Generator
from functools import partial
from typing import Any

import pytest
from tests.executors.told import Told, in_a_loop

from weft.executors.base import Invocation
from weft.executors.coroutine import CoroutineExecutor
from weft.model.attempt import Attempt
from weft.model.outcome import Cancelled, Failed, Succeeded
from weft.model.reason import CancelAsked, Raised

FIRST, SECOND = Attempt(0), Attempt(1)


class Awaitable:
    def __await__(self) -> Generator[Any, None, str]:
        yield from asyncio.sleep(0).__await__()
        return "awaited"


class AsyncCallable:
    async def __call__(self) -> str:
        return "awaited"


async def answer(value: str) -> str:
    return value


@pytest.mark.parametrize(
    "function",
    [Awaitable, AsyncCallable(), partial(answer, "awaited"), lambda: answer("awaited"), lambda: "awaited"],
    ids=["an awaitable", "an async callable", "a partial", "a lambda", "no awaitable"],
)
@in_a_loop
async def test_whatever_can_be_awaited_is_awaited(function: Any) -> None:
    told = Told()
    CoroutineExecutor(told).start(FIRST, Invocation(function))
    assert await told.of(FIRST) == Succeeded("awaited")


@in_a_loop
async def test_each_attempt_is_a_task_of_its_own() -> None:
    seen = []

    async def note() -> None:
        seen.append(asyncio.current_task())

    told = Told()
    executor = CoroutineExecutor(told)
    executor.start(FIRST, Invocation(note))
    executor.start(SECOND, Invocation(note))
    await told.of(SECOND)
    assert len({*seen, asyncio.current_task()}) == 3


@in_a_loop
async def test_stopping_one_attempt_does_not_hit_another() -> None:
    go = asyncio.Event()
    told = Told()
    executor = CoroutineExecutor(told)
    for attempt in (FIRST, SECOND):
        executor.start(attempt, Invocation(go.wait))
    await asyncio.sleep(0)
    executor.stop(FIRST, force=True)
    assert await told.of(FIRST) == Cancelled(CancelAsked())
    assert SECOND not in told.outcomes
    go.set()
    assert await told.of(SECOND) == Succeeded(True)


@in_a_loop
async def test_an_attempt_that_cancels_itself_is_cancelled_and_nothing_else() -> None:
    async def give_up() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    told = Told()
    executor = CoroutineExecutor(told)
    executor.start(FIRST, Invocation(give_up))
    executor.start(SECOND, Invocation(answer, ("still here",)))
    assert await told.of(FIRST) == Cancelled(CancelAsked())
    assert await told.of(SECOND) == Succeeded("still here")


@in_a_loop
async def test_an_attempt_that_swallows_its_cancellation_goes_on_to_its_end() -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def stubborn() -> str:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await go.wait()
        return "done all the same"

    told = Told()
    executor = CoroutineExecutor(told)
    executor.start(FIRST, Invocation(stubborn))
    await begun.wait()
    executor.stop(FIRST, force=False)
    executor.start(SECOND, Invocation(answer, ("",)))
    await told.of(SECOND)
    assert FIRST not in told.outcomes
    go.set()
    assert await told.of(FIRST) == Succeeded("done all the same")


@in_a_loop
async def test_a_stopped_attempt_ends_only_after_its_finally_blocks() -> None:
    begun, cleaned_up = asyncio.Event(), []
    told = Told()

    async def careful() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned_up.append(FIRST not in told.outcomes)

    executor = CoroutineExecutor(told)
    executor.start(FIRST, Invocation(careful))
    await begun.wait()
    executor.stop(FIRST, force=False)
    await told.of(FIRST)
    assert cleaned_up == [True]


@in_a_loop
async def test_politeness_does_not_cancel_a_clean_up_and_force_does() -> None:
    cleaning_up, go = asyncio.Event(), asyncio.Event()
    told = Told()

    async def careful() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaning_up.set()
            await go.wait()

    executor = CoroutineExecutor(told)
    for attempt in (FIRST, SECOND):
        cleaning_up.clear()
        executor.start(attempt, Invocation(careful))
        await asyncio.sleep(0)
        executor.stop(attempt, force=False)
        await cleaning_up.wait()
        executor.stop(attempt, force=False)
        for _ in range(3):
            await asyncio.sleep(0)
        assert attempt not in told.outcomes
        if attempt == FIRST:
            go.set()
        else:
            executor.stop(attempt, force=True)
        assert await told.of(attempt) == Cancelled(CancelAsked())
        go.clear()


@in_a_loop
async def test_an_attempt_whose_own_timeout_is_over_can_still_be_stopped() -> None:
    told = Told()

    async def late() -> None:
        async with asyncio.timeout(0) as own:
            try:
                await asyncio.Event().wait()
            finally:
                assert own.expired()
                executor.stop(FIRST, force=False)
        await asyncio.Event().wait()

    executor = CoroutineExecutor(told)
    executor.start(FIRST, Invocation(late))
    assert await told.of(FIRST) == Cancelled(CancelAsked())


@in_a_loop
async def test_a_running_attempt_survives_a_garbage_collection() -> None:
    go: asyncio.Event = asyncio.Event()
    told = Told()
    executor = CoroutineExecutor(told)
    executor.start(FIRST, Invocation(go.wait))
    await asyncio.sleep(0)
    gc.collect()
    go.set()
    assert await told.of(FIRST) == Succeeded(True)


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit(), StopIteration(1), StopAsyncIteration()])
@in_a_loop
async def test_an_exception_that_means_something_to_python_fails_the_attempt_only(
    error: BaseException,
) -> None:
    def throw() -> None:
        raise error

    told = Told()
    CoroutineExecutor(told).start(FIRST, Invocation(throw))
    outcome = await told.of(FIRST)
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.because, Raised)
    assert outcome.because.error == type(error).__name__


def test_a_keyboard_interrupt_is_told_and_ends_the_loop() -> None:
    outcomes = []

    async def interrupt() -> None:
        raise KeyboardInterrupt

    async def scenario() -> None:
        executor = CoroutineExecutor(lambda attempt, outcome: outcomes.append(outcome))
        executor.start(FIRST, Invocation(interrupt))
        await asyncio.Event().wait()

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(scenario())
    (outcome,) = outcomes
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.exception, KeyboardInterrupt)


def test_a_coroutine_that_is_left_behind_is_not_told() -> None:
    outcomes = []
    loop = asyncio.new_event_loop()

    async def scenario() -> None:
        executor = CoroutineExecutor(lambda attempt, outcome: outcomes.append(outcome))
        executor.start(FIRST, Invocation(asyncio.Event().wait))
        await asyncio.sleep(0)

    loop.set_exception_handler(lambda loop, context: None)  # it complains of the pending Task, rightly
    loop.run_until_complete(scenario())
    loop.close()
    gc.collect()
    assert outcomes == []
