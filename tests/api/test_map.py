from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any

import pytest

import weft
from weft.api.mapping import OnFailure
from weft.errors import PlanError, TaskFailed, TaskFailures, UsageError
from weft.model.work import Where

caller = ContextVar("caller", default="unset")


def square(x: int) -> int:
    return x * x


async def square_async(x: int) -> int:
    return x * x


async def backwards(x: int) -> int:
    """End the later the smaller ``x`` is."""
    for _ in range(20 - x):
        await asyncio.sleep(0)
    return x * x


def reciprocal(x: int) -> float:
    return 1 / x


@pytest.mark.parametrize("function", [square, square_async, backwards])
@pytest.mark.parametrize("max_concurrent", [1, 2, 5, 100])
def test_results_stand_in_the_order_of_the_items(function: Callable[[int], Any], max_concurrent: int) -> None:
    assert weft.map(function, range(20), max_concurrent=max_concurrent) == [x * x for x in range(20)]


@pytest.mark.parametrize("where", [None, Where.LOOP, Where.THREAD, Where.PROCESS])
def test_nothing_gives_nothing(where: Where | None) -> None:
    assert weft.map(square, [], where=where) == []
    assert weft.map(square, iter(()), where=where) == []


def test_calls_can_be_made_in_processes() -> None:
    pids = weft.map(pid_of, range(4), where=Where.PROCESS)
    assert os.getpid() not in pids
    assert weft.map(square, range(4), where=Where.PROCESS) == [0, 1, 4, 9]


def pid_of(x: int) -> int:
    return os.getpid()


def test_a_plain_function_can_be_called_in_the_loop() -> None:
    here = threading.get_ident()
    assert weft.map(lambda x: threading.get_ident(), range(3), where="loop") == [here] * 3


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "threads"])
def test_no_more_run_at_once_than_may(is_async: bool) -> None:
    lock, running, most = threading.Lock(), 0, 0

    def begin() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)

    def end() -> None:
        nonlocal running
        with lock:
            running -= 1

    def count(x: int) -> None:
        begin()
        end()

    async def count_async(x: int) -> None:
        begin()
        await asyncio.sleep(0)
        end()

    weft.map(count_async if is_async else count, range(50), max_concurrent=3)
    assert most == 3 if is_async else 1 <= most <= 3


def test_ten_thousand_items() -> None:
    assert weft.map(square_async, range(10_000), max_concurrent=100) == [x * x for x in range(10_000)]
    assert weft.map(square, range(10_000)) == [x * x for x in range(10_000)]


# Where the items come from


@pytest.mark.parametrize("max_concurrent", [1, 3])
@pytest.mark.parametrize("is_async", [True, False], ids=["async", "threads"])
def test_items_are_pulled_as_there_is_room(max_concurrent: int, is_async: bool) -> None:
    pulled, ended, most_ahead = 0, 0, 0
    lock = threading.Lock()

    def source() -> Iterator[int]:
        nonlocal pulled, most_ahead
        for x in range(100):
            with lock:
                pulled += 1
                most_ahead = max(most_ahead, pulled - ended)
            yield x

    def end(x: int) -> None:
        nonlocal ended
        with lock:
            ended += 1

    async def end_async(x: int) -> None:
        await asyncio.sleep(0)
        end(x)

    weft.map(end_async if is_async else end, source(), max_concurrent=max_concurrent)
    assert (pulled, ended) == (100, 100)
    assert most_ahead <= 2 * max_concurrent


def test_an_endless_source_is_ended_by_its_own_error() -> None:
    def source() -> Iterator[int]:
        x = 0
        while True:
            if x == 500:
                raise LookupError("no more pages")
            yield x
            x += 1

    with pytest.raises(LookupError, match="no more pages"):
        weft.map(square, source())


class Unusual(BaseException):
    """Not an Exception, as KeyboardInterrupt is none."""


@pytest.mark.parametrize("error", [LookupError("end"), Unusual("end"), SystemExit(3), KeyboardInterrupt()])
@pytest.mark.parametrize("at", [0, 1, 30])
def test_the_error_of_a_source_is_raised_after_running_calls_were_stopped(
    error: BaseException, at: int
) -> None:
    running = 0

    def source() -> Iterator[int]:
        yield from range(at)
        raise error

    async def call(x: int) -> None:
        nonlocal running
        running += 1
        try:
            if x >= 20:  # those before make room for the next
                await asyncio.Event().wait()
        finally:
            running -= 1

    with pytest.raises(type(error)) as caught:
        weft.map(call, source(), max_concurrent=20)
    assert caught.value is error
    assert running == 0


def test_items_that_can_not_be_walked_over_are_a_type_error() -> None:
    nothing: Any = 5
    with pytest.raises(TypeError, match="not iterable"):
        weft.map(square, nothing)


def test_a_source_sees_the_callers_variables_and_the_calls_do_not_see_its_own() -> None:
    def source() -> Iterator[str]:
        for x in range(50):
            seen = caller.get()
            caller.set(f"item {x}")
            yield seen

    caller.set("mine")
    calls = weft.map(lambda seen: (seen, caller.get()), source(), max_concurrent=2)
    assert caller.get() == "mine"
    assert calls == [("mine" if not x else f"item {x - 1}", "mine") for x in range(50)]


# Failures


def test_all_items_are_tried_and_all_failures_raised_in_order() -> None:
    called = []

    async def call(x: int) -> float:
        called.append(x)
        for _ in range(10 - x):
            await asyncio.sleep(0)
        return reciprocal(x % 3)

    with pytest.raises(TaskFailures, match="4 of 10 calls failed") as caught:
        weft.map(call, range(10))
    failures = caught.value
    assert sorted(called) == list(range(10))
    assert isinstance(failures, ExceptionGroup)
    assert isinstance(failures, weft.WeftError)
    assert [type(error) for error in failures.exceptions] == [ZeroDivisionError] * 4
    assert [failures.results.index(error) for error in failures.exceptions] == [0, 3, 6, 9]
    assert failures.results[1:3] == [1.0, 0.5]


def test_failures_do_not_seem_to_come_from_anything_else() -> None:
    with pytest.raises(TaskFailures) as caught:
        weft.map(reciprocal, [0])
    assert caught.value.__context__ is None


def test_failures_can_be_caught_by_kind() -> None:
    caught: list[ExceptionGroup[ZeroDivisionError]] = []
    try:
        weft.map(reciprocal, [0, 1])
    except* ZeroDivisionError as group:
        caught.append(group)
    assert len(caught[0].exceptions) == 1


def test_failures_can_stand_in_the_place_of_results() -> None:
    results = weft.map(reciprocal, [1, 0, 2], on_failure="return")
    assert (results[0], type(results[1]), results[2]) == (1.0, ZeroDivisionError, 0.5)


def leave(x: int) -> None:
    raise SystemExit(x)


@pytest.mark.parametrize("where", [Where.LOOP, Where.THREAD, Where.PROCESS])
def test_a_call_that_raises_no_exception_has_failed(where: Where) -> None:
    (error,) = weft.map(leave, [3], on_failure="return", where=where)
    assert isinstance(error, TaskFailed)
    assert str(error) == "task `leave[0]` failed: SystemExit: 3"


def test_a_call_that_cancels_itself_has_failed() -> None:
    async def cancel(x: int) -> None:
        raise asyncio.CancelledError

    with pytest.raises(TaskFailures) as caught:
        weft.map(cancel, [1])
    assert "was cancelled" in str(caught.value.exceptions[0])


# Mistakes


@pytest.mark.parametrize("on_failure", ["ignore", None, ""])
def test_an_unknown_way_to_take_failures_is_refused(on_failure: Any) -> None:
    chosen: OnFailure = on_failure
    with pytest.raises(UsageError, match='expected "raise" or "return"'):
        weft.map(square, [1], on_failure=chosen)


@pytest.mark.parametrize("max_concurrent", [0, -1])
def test_there_must_be_room_for_one(max_concurrent: int) -> None:
    with pytest.raises(PlanError, match="expected 1 or more"):
        weft.map(square, [1], max_concurrent=max_concurrent)


def test_what_can_not_be_called_is_refused() -> None:
    function: Any = "square"
    with pytest.raises(UsageError, match="expected a function or a Command, found 'square'"):
        weft.map(function, [1])


def test_a_coroutine_function_runs_in_the_loop_only() -> None:
    with pytest.raises(UsageError, match="`square_async` is a coroutine function"):
        weft.map(square_async, [1], where=Where.THREAD)


def test_in_a_running_loop_the_error_tells_what_to_write() -> None:
    async def main() -> list[int]:
        with pytest.raises(UsageError, match=r"write `await weft.amap\(...\)` instead"):
            weft.map(square, [1])
        return await weft.amap(square, [1])

    assert asyncio.run(main()) == [1]


# Surroundings


def test_calls_in_threads_may_map_themselves() -> None:
    def total(n: int) -> int:
        return sum(weft.map(square_async, range(n)))

    assert weft.map(total, range(5)) == [0, 0, 1, 5, 14]


def test_each_call_is_a_task_of_its_own_that_sees_the_callers_variables() -> None:
    tasks = []

    async def look(x: int) -> str:
        tasks.append(asyncio.current_task())
        seen = caller.get()
        caller.set(f"changed by {x}")
        await asyncio.sleep(0)
        return seen

    caller.set("mine")
    assert weft.map(look, range(20), max_concurrent=2) == ["mine"] * 20
    assert len(set(tasks)) == 20
    assert caller.get() == "mine"


def test_calls_in_threads_see_the_callers_variables_too() -> None:
    def look(x: int) -> str:
        seen = caller.get()
        caller.set(f"changed by {x}")
        return seen

    caller.set("mine")
    assert weft.map(look, range(20)) == ["mine"] * 20


def test_progress_goes_to_standard_error_alone(capfd: pytest.CaptureFixture[str]) -> None:
    assert weft.map(square, range(3), progress=True) == [0, 1, 4]
    written = capfd.readouterr()
    assert written.out == ""
    assert "square[2] succeeded" in written.err


def test_without_progress_nothing_is_written(capfd: pytest.CaptureFixture[str]) -> None:
    weft.map(reciprocal, range(3), on_failure="return")
    assert capfd.readouterr() == ("", "")


def test_any_iterable_will_do() -> None:
    shapes: list[Iterable[int]] = [(1, 2), {1: "a", 2: "b"}, iter([1, 2]), range(1, 3), (x for x in (1, 2))]
    assert [weft.map(square, shape) for shape in shapes] == [[1, 4]] * 5
