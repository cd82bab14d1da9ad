from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.executors.told import in_a_loop

import weft
from weft.errors import TaskFailures


async def square(x: int) -> int:
    return x * x


async def numbers(n: int) -> AsyncIterator[int]:
    for x in range(n):
        await asyncio.sleep(0)
        yield x


async def others() -> list[asyncio.Task[object]]:
    """Return the tasks that go on beside this one, after each has had its chance to end."""
    for _ in range(3):
        await asyncio.sleep(0)
    return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


async def let_go() -> None:
    """Free what is held by nobody; the loop itself holds what it has called last."""
    await asyncio.sleep(0)
    gc.collect()


@pytest.mark.parametrize("max_concurrent", [1, 2, 50])
@in_a_loop
async def test_items_may_come_asynchronously(max_concurrent: int) -> None:
    assert await weft.amap(square, numbers(20), max_concurrent=max_concurrent) == [x * x for x in range(20)]
    assert await weft.amap(square, numbers(0), max_concurrent=max_concurrent) == []
    assert await others() == []


def test_the_synchronous_door_takes_them_as_well() -> None:
    assert weft.map(square, numbers(20)) == [x * x for x in range(20)]  # type: ignore[arg-type]  # not promised


@in_a_loop
async def test_or_from_anything_else() -> None:
    assert await weft.amap(square, range(20)) == [x * x for x in range(20)]


@pytest.mark.parametrize("max_concurrent", [1, 3])
@in_a_loop
async def test_items_are_pulled_as_there_is_room(max_concurrent: int) -> None:
    pulled, ended, most_ahead = 0, 0, 0

    async def source() -> AsyncIterator[int]:
        nonlocal pulled, most_ahead
        for x in range(100):
            pulled += 1
            most_ahead = max(most_ahead, pulled - ended)
            yield x

    async def end(x: int) -> None:
        nonlocal ended
        await asyncio.sleep(0)
        ended += 1

    await weft.amap(end, source(), max_concurrent=max_concurrent)
    assert (pulled, ended) == (100, 100)
    assert most_ahead <= 2 * max_concurrent


@in_a_loop
async def test_calls_begin_while_the_source_is_slow() -> None:
    called: asyncio.Queue[int] = asyncio.Queue()

    async def source() -> AsyncIterator[int]:
        for x in range(3):
            yield x
            assert await called.get() == x  # the next item comes when the last call was made

    await weft.amap(called.put, source())


class Unusual(BaseException):
    """Not an Exception."""


@pytest.mark.parametrize("error", [LookupError("end"), Unusual("end"), KeyboardInterrupt()])
@pytest.mark.parametrize("at", [0, 1, 15])
@in_a_loop
async def test_the_error_of_a_source_is_raised_after_running_calls_were_stopped(
    error: BaseException, at: int
) -> None:
    running = 0

    async def source() -> AsyncIterator[int]:
        for x in range(at):
            yield x
        raise error

    async def call(x: int) -> None:
        nonlocal running
        running += 1
        try:
            await asyncio.Event().wait()
        finally:
            running -= 1

    with pytest.raises(type(error)) as caught:
        await weft.amap(call, source(), max_concurrent=10)
    assert caught.value is error
    assert running == 0
    assert await others() == []


@in_a_loop
async def test_a_cancelled_call_ends_its_source_and_all_that_runs() -> None:
    ended = []
    waits = asyncio.Event()

    async def source() -> AsyncIterator[int]:
        try:
            yield 1
            waits.set()
            await asyncio.Event().wait()
        finally:
            ended.append("source")

    async def call(x: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("call")

    running = asyncio.create_task(weft.amap(call, source()))
    await waits.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert sorted(ended) == ["call", "source"]
    assert await others() == []


@in_a_loop
async def test_a_source_that_goes_on_after_the_cancel_is_not_listened_to() -> None:
    waits = asyncio.Event()
    called = []

    async def source() -> AsyncIterator[int]:
        yield 1
        while True:
            try:
                waits.set()
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                yield 2

    async def call(x: int) -> None:
        called.append(x)
        await asyncio.Event().wait()

    running = asyncio.create_task(weft.amap(call, source()))
    await waits.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert called == [1]
    assert await others() == []


@in_a_loop
async def test_a_source_that_waits_for_room_is_let_go_by_a_cancel() -> None:
    closed = asyncio.Event()
    full = asyncio.Event()

    async def source() -> AsyncIterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    async def call(x: int) -> None:
        full.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(weft.amap(call, source(), max_concurrent=1))
    await full.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    del running
    await let_go()
    await closed.wait()


@in_a_loop
async def test_a_timeout_around_the_call_is_raised() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await weft.amap(asyncio.sleep, [1000])
    assert await others() == []


@in_a_loop
async def test_failures_are_raised_together() -> None:
    async def reciprocal(x: int) -> float:
        return 1 / x

    with pytest.raises(TaskFailures) as caught:
        await weft.amap(reciprocal, numbers(3))
    assert [type(error) for error in caught.value.exceptions] == [ZeroDivisionError]
    results = await weft.amap(reciprocal, numbers(3), on_failure="return")
    assert (type(results[0]), results[1:]) == (ZeroDivisionError, [1.0, 0.5])


@in_a_loop
async def test_what_was_got_is_kept_by_each_part_of_the_failures() -> None:
    async def picky(x: int) -> int:
        if x == 1:
            raise ValueError
        return x

    parts = []
    try:
        await weft.amap(picky, numbers(3))
    except* ValueError as failures:
        parts.append(failures)
    assert [isinstance(part, TaskFailures) and part.results[::2] for part in parts] == [[0, 2]]


@in_a_loop
async def test_calls_may_map_themselves() -> None:
    async def total(n: int) -> int:
        return sum(await weft.amap(square, range(n)))

    assert await weft.amap(total, numbers(5)) == [0, 0, 1, 5, 14]


@in_a_loop
async def test_several_at_once_do_not_mix() -> None:
    async def plus(x: int) -> int:
        await asyncio.sleep(0)
        return x + 100

    squares, sums = await asyncio.gather(weft.amap(square, range(30)), weft.amap(plus, numbers(30)))
    assert squares == [x * x for x in range(30)]
    assert sums == [x + 100 for x in range(30)]


@in_a_loop
async def test_a_plain_source_is_let_go_by_a_cancel() -> None:
    begun = asyncio.Event()
    closed = []

    def source() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.append(True)

    async def call(x: int) -> None:
        begun.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(weft.amap(call, source()))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    del running
    await let_go()
    assert closed == [True]
