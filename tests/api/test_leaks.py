"""After a door was used, the process is as it was before. (Warnings are errors in all tests.)"""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

import weft
from weft.errors import TaskFailures
from weft.model.work import Command, ResultFormat, Where

CHILDREN = Path("/proc/self/task")


def square(x: int) -> int:
    return x * x


async def square_async(x: int) -> int:
    await asyncio.sleep(0)
    return x * x


def reciprocal(x: int) -> float:
    return 1 / x


async def numbers() -> AsyncIterator[int]:
    for x in range(10):
        yield x


def broken() -> Iterator[int]:
    yield from range(10)
    raise LookupError


def map_async() -> None:
    weft.map(square_async, range(20))


def map_in_threads() -> None:
    weft.map(square, range(20))


def map_in_processes() -> None:
    weft.map(square, range(20), where=Where.PROCESS)


def map_with_progress() -> None:
    weft.map(square_async, range(20), progress=True)


def map_with_failures() -> None:
    with pytest.raises(TaskFailures):
        weft.map(reciprocal, [0, 0, 1])


def map_over_a_broken_source() -> None:
    with pytest.raises(LookupError):
        weft.map(square_async, broken())


def run_functions() -> None:
    plan = weft.Plan()
    plan.add(square_async, plan.add(square, 2))
    weft.run(plan)


def run_commands() -> None:
    plan = weft.Plan()
    said = plan.add(Command("echo 7", result=ResultFormat.JSON))
    plan.add(Command("test -s $WEFT_RESULTS/index.json && exit 3"), needs=[said])
    weft.run(plan)


async def amap_over_an_asynchronous_source() -> None:
    await weft.amap(square_async, numbers())


async def amap_that_is_cancelled() -> None:
    async def forever(x: int) -> None:
        begun.set()
        await asyncio.Event().wait()

    begun = asyncio.Event()
    running = asyncio.create_task(weft.amap(forever, numbers(), max_concurrent=2))
    await begun.wait()
    running.cancel()
    await asyncio.wait([running])


async def arun_with_progress() -> None:
    plan = weft.Plan()
    plan.add(square_async, 2)
    await weft.arun(plan, progress=True)


async def engine_with_everything() -> None:
    async with weft.Engine() as engine:
        squares = [engine.submit(work, 2) for work in (square, square_async)]
        engine.submit(sum, squares, where=Where.PROCESS)
        engine.submit(Command("echo said"))
        engine.submit(Command("sleep 1000")).cancel()


async def engine_that_is_left_by_an_exception() -> None:
    async def body() -> None:
        async with weft.Engine() as engine:
            engine.submit(asyncio.Event().wait)
            engine.submit(Command("sleep 1000"))
            await asyncio.sleep(0)
            raise LookupError

    with pytest.raises(LookupError):
        await body()


def state() -> dict[str, object]:
    gc.collect()
    return {
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "files": len(os.listdir("/proc/self/fd")),
        "children": {
            pid for thread in CHILDREN.iterdir() for pid in (thread / "children").read_text().split()
        },
    }


SYNC_DOORS = [
    map_async,
    map_in_threads,
    map_in_processes,
    map_with_progress,
    map_with_failures,
    map_over_a_broken_source,
    run_functions,
    run_commands,
]
ASYNC_DOORS = [
    amap_over_an_asynchronous_source,
    amap_that_is_cancelled,
    arun_with_progress,
    engine_with_everything,
    engine_that_is_left_by_an_exception,
]


@pytest.mark.parametrize("door", SYNC_DOORS, ids=lambda door: door.__name__)
def test_nothing_is_left_behind(
    door: Callable[[], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    door()  # what Python itself opens once, such as the server that worker processes are forked from
    before = state()
    for _ in range(3):
        door()
    assert state() == before


@pytest.mark.parametrize("door", ASYNC_DOORS, ids=lambda door: door.__name__)
def test_nothing_is_left_behind_in_a_loop_that_goes_on(
    door: Callable[[], Coroutine[Any, Any, None]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        await door()
        before = state()
        for _ in range(3):
            await door()
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert state() == before

    monkeypatch.chdir(tmp_path)
    asyncio.run(main())
