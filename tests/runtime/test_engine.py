from __future__ import annotations

import asyncio
import gc
import os
import threading
import weakref
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from functools import partial, wraps
from pathlib import Path
from typing import Any

import pytest
from tests.executors.told import in_a_loop

from weft.errors import PlanError, TaskFailed, UsageError
from weft.model.limits import Pool
from weft.model.outcome import Failed, Skipped, Succeeded
from weft.model.priority import HIGH, LOW
from weft.model.reason import DependencyFailed, DependencyPending, Exited, PoolFull
from weft.model.work import Command, ResultFormat, ResultOf, Where
from weft.runtime.engine import Engine
from weft.runtime.handle import Handle

caller = ContextVar("caller", default="unset")


async def double(x: int) -> int:
    return 2 * x


def triple(x: int) -> int:
    return 3 * x


async def fail() -> None:
    raise LookupError("no such page")


# What may be submitted


@in_a_loop
async def test_a_coroutine_function_runs_in_the_loop_and_any_other_in_a_thread() -> None:
    async def here() -> int:
        return threading.get_ident()

    async with Engine() as engine:
        assert await engine.submit(here) == threading.get_ident()
        assert await engine.submit(threading.get_ident) != threading.get_ident()


@in_a_loop
async def test_the_asyncio_task_of_a_coroutine_bears_the_id_of_its_task() -> None:
    async def own_name() -> str:
        task = asyncio.current_task()
        return "" if task is None else task.get_name()

    async with Engine() as engine:
        assert await engine.submit(own_name, id="fetch") == "fetch"


@in_a_loop
async def test_a_function_can_be_sent_to_a_worker_process() -> None:
    async with Engine() as engine:
        assert await engine.submit(os.getpid, where=Where.PROCESS) != os.getpid()


@in_a_loop
async def test_a_command_runs_in_the_root_of_the_engine(tmp_path: Path) -> None:
    (tmp_path / "here").touch()
    async with Engine(root=tmp_path) as engine:
        found = engine.submit(Command("ls", result=ResultFormat.LINES))
        assert await found == ["here"]
        assert engine.folder is not None
        assert engine.folder.stdout(found.id).read_text() == "here\n"


@in_a_loop
async def test_functions_alone_leave_no_folder(tmp_path: Path) -> None:
    async with Engine(root=tmp_path) as engine:
        await engine.submit(double, 1)
        assert engine.folder is None
    assert os.listdir(tmp_path) == []


class AsyncCallable:
    async def __call__(self, x: int) -> int:
        return x

    async def method(self, x: int) -> int:
        return x


def traced(function: Callable[[int], Any]) -> Callable[[int], Any]:
    @wraps(function)
    def wrapper(x: int) -> Any:
        return function(x)

    return wrapper


def in_async(function: Callable[[int], int]) -> Callable[[int], Coroutine[Any, Any, int]]:
    @wraps(function)
    async def wrapper(x: int) -> int:
        return function(x)

    return wrapper


@pytest.mark.parametrize(
    "function",
    [
        AsyncCallable(),
        AsyncCallable().method,
        partial(AsyncCallable().method),
        partial(partial(double)),
        traced(double),
        partial(traced(double)),
        in_async(triple),
        partial(in_async(triple)),
    ],
    ids=[
        "a callable object",
        "a method",
        "a partial of it",
        "a partial of a partial",
        "a plain wrapper around a coroutine function",
        "a partial of it",
        "a coroutine function around a plain one",
        "a partial of that",
    ],
)
@in_a_loop
async def test_whatever_gives_a_coroutine_is_awaited(function: Any) -> None:
    async with Engine() as engine:
        assert isinstance(await engine.submit(function, 1), int)


@in_a_loop
async def test_a_class_is_called_like_a_function() -> None:
    async with Engine() as engine:
        assert isinstance(await engine.submit(AsyncCallable), AsyncCallable)


@pytest.mark.parametrize("work", [5, "echo hi", None])
@in_a_loop
async def test_what_can_not_be_called_is_refused(work: Any) -> None:
    async with Engine() as engine:
        with pytest.raises(UsageError, match="expected a function or a Command, found"):
            engine.submit(work)


@in_a_loop
async def test_a_coroutine_is_refused_with_the_way_to_write_it() -> None:
    coroutine: Any = double(1)
    async with Engine() as engine:
        with pytest.raises(UsageError, match="hint: pass the function, and its arguments after it"):
            engine.submit(coroutine)
    coroutine.close()


@pytest.mark.parametrize("where", [Where.THREAD, Where.PROCESS])
@in_a_loop
async def test_a_coroutine_function_is_refused_elsewhere_than_in_the_loop(where: Where) -> None:
    async with Engine() as engine:
        with pytest.raises(UsageError, match="`double` is a coroutine function"):
            engine.submit(double, 1, where=where)


@in_a_loop
async def test_a_command_takes_no_arguments_and_no_place(tmp_path: Path) -> None:
    async with Engine(root=tmp_path) as engine:
        with pytest.raises(UsageError, match="takes no arguments"):
            engine.submit(Command("true"), 1)
        with pytest.raises(UsageError, match="in a process of its own"):
            engine.submit(Command("true"), where=Where.THREAD)
    assert os.listdir(tmp_path) == []


# Names


@in_a_loop
async def test_ids_are_made_of_the_name_and_the_number_of_the_task() -> None:
    async with Engine() as engine:
        handles = [engine.submit(work, 1) for work in (double, triple, partial(partial(double)))]
        handles.append(engine.submit(AsyncCallable(), 1))
    assert [handle.id for handle in handles] == ["double[0]", "triple[1]", "double[2]", "AsyncCallable[3]"]


@in_a_loop
async def test_an_id_is_given_once() -> None:
    async with Engine() as engine:
        engine.submit(double, 1, id="twice")
        with pytest.raises(PlanError, match="there are two tasks `twice`"):
            engine.submit(double, 1, id="twice")


# Dependencies


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (lambda a, b: a, 2),
        (lambda a, b: [a, b], [2, 4]),
        (lambda a, b: (b, a), (4, 2)),
        (lambda a, b: {"a": a, "rest": [{"b": (b,)}, "plain"]}, {"a": 2, "rest": [{"b": (4,)}, "plain"]}),
        (lambda a, b: [a, a], [2, 2]),
    ],
    ids=["alone", "list", "tuple", "nested", "twice"],
)
@in_a_loop
async def test_a_handle_among_the_arguments_stands_for_its_result(shape: Any, expected: Any) -> None:
    def same(x: Any) -> Any:
        return x

    async with Engine() as engine:
        a, b = engine.submit(double, 1), engine.submit(double, 2)
        assert await engine.submit(same, shape(a, b)) == expected


@in_a_loop
async def test_a_handle_that_a_partial_holds_stands_for_its_result() -> None:
    async with Engine() as engine:
        a, b = engine.submit(double, 1), engine.submit(double, 2)
        assert await engine.submit(partial(dict, [("a", a)], b=[b])) == {"a": 2, "b": [4]}
        assert await engine.submit(partial(pow, a), b) == 16


@in_a_loop
async def test_a_task_starts_after_what_it_needs() -> None:
    order = []
    go = asyncio.Event()

    async def note(name: str) -> None:
        if name == "first":
            await go.wait()
        order.append(name)

    async with Engine() as engine:
        first = engine.submit(note, "first")
        engine.submit(note, "second", needs=[first])
        await engine.submit(note, "aside")
        go.set()
    assert order == ["aside", "first", "second"]


@in_a_loop
async def test_a_task_that_has_ended_can_be_needed_still() -> None:
    async with Engine() as engine:
        a = engine.submit(double, 1)
        await a
        assert await engine.submit(double, a) == 4


@pytest.mark.parametrize("stranger", [5, "a", ResultOf("a")])
@in_a_loop
async def test_only_handles_can_be_needed(stranger: Any) -> None:
    async with Engine() as engine:
        with pytest.raises(UsageError, match="expected handles of this engine's tasks"):
            engine.submit(double, 1, needs=[stranger])


@in_a_loop
async def test_a_handle_of_another_engine_is_refused() -> None:
    async with Engine() as one, Engine() as other:
        handle = one.submit(double, 1)
        for ask in (partial(other.submit, double), other.cancel, other.waiting):
            with pytest.raises(UsageError, match=r"`double\[0\]` belongs to another engine\n  hint: "):
                ask(handle)


# Results


@in_a_loop
async def test_awaiting_raises_what_the_task_raised() -> None:
    async with Engine() as engine:
        handle = engine.submit(fail)
        for _ in range(2):
            with pytest.raises(LookupError, match="no such page"):
                await handle
    assert isinstance(handle.outcome, Failed)


@in_a_loop
async def test_a_task_that_was_skipped_names_the_one_that_failed_first() -> None:
    async with Engine() as engine:
        first = engine.submit(fail, id="fetch")
        middle = engine.submit(double, first)
        last = engine.submit(double, middle)
        with pytest.raises(TaskFailed, match=r"task `double\[2\]` was skipped: `fetch` failed"):
            await last
        late = engine.submit(double, last)
        with pytest.raises(TaskFailed, match="`fetch` failed"):
            await late
    assert last.outcome == late.outcome == Skipped(DependencyFailed("fetch"))


@in_a_loop
async def test_a_command_that_failed_tells_its_exit_code(tmp_path: Path) -> None:
    async with Engine(root=tmp_path) as engine:
        handle = engine.submit(Command("exit 3"), id="build")
        with pytest.raises(TaskFailed, match="task `build` failed: exit code 3"):
            await handle
        assert await handle.wait() == Failed(Exited(3))


@in_a_loop
async def test_several_can_wait_for_one_task() -> None:
    go = asyncio.Event()
    async with Engine() as engine:
        handle = engine.submit(go.wait)
        waiting = [asyncio.ensure_future(handle.wait()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()  # whoever gives up waiting takes nothing from the others
        go.set()
        assert await asyncio.gather(*waiting[1:]) == [Succeeded(True)] * 2
        assert [await handle, await handle] == [True, True]


@in_a_loop
async def test_failures_that_nobody_awaits_are_not_raised_by_the_block() -> None:
    async with Engine() as engine:
        handle = engine.submit(fail)
    assert isinstance(handle.outcome, Failed)


# Limits and order


@in_a_loop
async def test_no_more_run_at_once_than_may() -> None:
    running, most = 0, 0

    async def count() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    async with Engine(max_concurrent=3) as engine:
        for _ in range(20):
            engine.submit(count)
    assert most == 3


@in_a_loop
async def test_a_limit_that_is_not_there_is_an_error_at_once() -> None:
    async with Engine(limits={"api": Pool(2)}) as engine:
        with pytest.raises(PlanError, match=r"uses limit `ap`, .*\n  hint: did you mean `api`"):
            engine.submit(double, 1, limits={"ap": 1})
        with pytest.raises(PlanError, match="takes 3 of `api`, which holds 2"):
            engine.submit(double, 1, limits={"api": 3})
        with pytest.raises(PlanError, match="takes 0 of `api`"):
            engine.submit(double, 1, limits={"api": 0})
        assert await engine.submit(double, 1, limits={"api": 2}) == 2


@in_a_loop
async def test_what_becomes_of_the_callers_limits_later_changes_nothing() -> None:
    limits = {"gpu": 1}
    async with Engine(limits={"gpu": Pool(1)}) as engine:
        handle = engine.submit(double, 1, limits=limits)
        limits["gpu"] = 2
        assert await handle == 2


@pytest.mark.parametrize("size", [0, -1])
def test_an_engine_needs_room_for_one_task(size: int) -> None:
    with pytest.raises(PlanError, match="expected 1 or more"):
        Engine(max_concurrent=size)
    with pytest.raises(PlanError, match="expected 1 or more"):
        Engine(limits={"gpu": Pool(size)})


@in_a_loop
async def test_urgent_tasks_start_first() -> None:
    order = []

    async def note(name: str) -> None:
        order.append(name)

    async with Engine(max_concurrent=1) as engine:
        engine.submit(note, "low", priority=LOW)
        engine.submit(note, "normal")
        engine.submit(note, "long", duration_s=60.0)
        engine.submit(note, "high", priority=HIGH)
    assert order == ["high", "long", "normal", "low"]  # what is submitted together is chosen among together


@in_a_loop
async def test_waiting_tells_what_keeps_a_task() -> None:
    go = asyncio.Event()
    async with Engine(max_concurrent=1) as engine:
        first = engine.submit(go.wait, id="first")
        second = engine.submit(double, 1, needs=[first], id="second")
        third = engine.submit(double, 1, id="third")
        assert engine.waiting(second) == (DependencyPending("first"),)  # before the engine has seen it
        await asyncio.sleep(0)
        assert engine.waiting(first) == ()
        assert engine.waiting(second) == (DependencyPending("first"),)
        assert engine.waiting(third) == (PoolFull("max_concurrent", free=0, asked=1),)
        go.set()
        await second
        assert engine.waiting(second) == ()


# Submitting while it runs


@in_a_loop
async def test_a_task_may_submit_tasks_and_wait_for_them() -> None:
    async def sum_to(engine: Engine, n: int) -> int:
        return n + (await engine.submit(sum_to, engine, n - 1) if n else 0)

    async with Engine(max_concurrent=10) as engine:
        assert await engine.submit(sum_to, engine, 5) == 15


@in_a_loop
async def test_the_block_waits_for_what_tasks_have_submitted() -> None:
    ended = []

    async def spawn(n: int) -> None:
        ended.append(n)
        if n:
            engine.submit(spawn, n - 1)

    async with Engine() as engine:
        await engine.submit(spawn, 3)
        await asyncio.gather(*[engine.submit(double, n) for n in range(5)])
    assert ended == [3, 2, 1, 0]


@in_a_loop
async def test_a_thread_is_told_that_it_may_not_submit() -> None:
    async with Engine() as engine:
        handle = engine.submit(asyncio.Event().wait)
        for call in (partial(engine.submit, double, 1), handle.cancel):
            with pytest.raises(UsageError, match="in the thread of its event loop only\n  hint: "):
                await asyncio.to_thread(call)
        handle.cancel()


# Context variables


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "thread"])
@in_a_loop
async def test_a_task_sees_the_variables_of_whoever_submitted_it_as_they_were(is_async: bool) -> None:
    def look() -> str:
        seen = caller.get()
        caller.set("changed by a task")
        return seen

    async def look_async() -> str:
        return look()

    async with Engine() as engine:
        handles = []
        for name in ("one", "two"):
            caller.set(name)
            handles += [engine.submit(look_async if is_async else look) for _ in range(2)]
        caller.set("later")
        assert await asyncio.gather(*handles) == ["one", "one", "two", "two"]
        assert caller.get() == "later"


# Opening and closing


def test_an_engine_that_is_not_open_says_how_to_open_it() -> None:
    engine = Engine()
    for call in (partial(engine.submit, len, "a"), engine.interrupt, engine.seal, engine.open_folder):
        with pytest.raises(UsageError, match="use `async with Engine"):
            call()
    assert engine.folder is None


@in_a_loop
async def test_an_engine_that_is_closed_takes_nothing_more() -> None:
    async with Engine() as engine:
        pass
    with pytest.raises(UsageError, match="takes no more tasks\n  hint: submit inside its `async with` block"):
        engine.submit(double, 1)


@in_a_loop
async def test_an_engine_runs_once() -> None:
    engine = Engine()
    async with engine:
        with pytest.raises(UsageError, match="make a new one"):
            await engine.__aenter__()
        assert await engine.submit(double, 1) == 2
    with pytest.raises(UsageError, match="make a new one"):
        await engine.__aenter__()


@in_a_loop
async def test_two_engines_in_one_loop_do_not_mix() -> None:
    async with Engine() as one, Engine() as other:
        a = [one.submit(double, n) for n in range(3)]
        b = [other.submit(triple, n) for n in range(3)]
        assert await asyncio.gather(*a, *b) == [0, 2, 4, 0, 3, 6]


def test_an_engine_runs_in_any_thread() -> None:
    results: list[int] = []

    async def main() -> None:
        async with Engine() as engine:
            results.append(await engine.submit(double, engine.submit(triple, 1)))

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    thread.join()
    assert results == [6]


# Memory


class Big:
    """Something whose end can be seen."""


@in_a_loop
async def test_tasks_that_have_ended_are_forgotten() -> None:
    async with Engine() as engine:
        for where in (Where.LOOP, Where.THREAD):
            argument = Big()
            seen = weakref.ref(argument)
            assert await engine.submit(id, argument, where=where) == id(argument)
            del argument
            assert await engine.submit(int, where=where) == 0  # a thread holds on to its last work until now
            gc.collect()
            assert seen() is None
        assert live_handles(engine) == 0


@in_a_loop
async def test_a_chain_is_not_kept_by_its_last_task() -> None:
    async with Engine() as engine:
        last = engine.submit(double, 0)
        for _ in range(100):
            last = engine.submit(double, last)
        await last
        gc.collect()
        assert live_handles(engine) == 1


def live_handles(engine: Engine) -> int:
    return sum(isinstance(each, Handle) and each.belongs_to(engine) for each in gc.get_objects())
