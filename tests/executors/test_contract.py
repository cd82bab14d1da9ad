"""What every executor promises. A new executor joins by a `Kind` of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import msgspec
import pytest
from tests.executors.blockers import Blocker, InLoop, OverPipes
from tests.executors.told import TIMEOUT_S, Told, in_a_loop

from weft.executors.base import Ended, Executor, Invocation
from weft.executors.coroutine import CoroutineExecutor
from weft.executors.process import ProcessExecutor
from weft.executors.thread import ThreadExecutor
from weft.model.attempt import Attempt
from weft.model.outcome import Cancelled, Failed, Succeeded
from weft.model.reason import CancelAsked, Raised


class Kind(msgspec.Struct, frozen=True):
    """How to make one kind of executor, one job wide, and work for it."""

    make: Callable[[Ended], Executor[Any]]
    describe: Any  # a job whose result tells the arguments 1 and b=2
    fail: Any  # a job that raises ValueError("no such page")
    refuse: Any  # a job that raises `Refused` with its argument
    touch: Callable[[Path], Any]  # a job that leaves a file behind
    block: Callable[[Path], Blocker]
    stops_running_work: bool = True
    sees_context: bool = True
    read_variable: Any = None  # a job whose result is the context variable
    set_variable: Any = None


VARIABLE = ContextVar("VARIABLE", default="unset")


def describe(a: int, *, b: int) -> str:
    return f"a={a} b={b}"


def fail() -> None:
    raise ValueError("no such page")


class Refused(Exception):
    """One that can't be made again after its journey from a worker process."""

    def __init__(self, status: int, *, retry_after: object) -> None:
        super().__init__(f"status {status}")
        self.retry_after = retry_after


def refuse(asked: object) -> None:
    raise Refused(429, retry_after=asked)


def touch(path: Path) -> None:
    path.touch()


def read_variable() -> str:
    return VARIABLE.get()


def set_variable() -> None:
    VARIABLE.set("leaked")


async def in_loop(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return function(*args, **kwargs)


COROUTINE = Kind(
    make=CoroutineExecutor,
    describe=Invocation(partial(in_loop, describe), (1,), {"b": 2}),
    fail=Invocation(in_loop, (fail,)),
    refuse=Invocation(in_loop, (refuse,)),
    touch=lambda path: Invocation(in_loop, (touch, path)),
    block=InLoop,
    read_variable=Invocation(in_loop, (read_variable,)),
    set_variable=Invocation(in_loop, (set_variable,)),
)
THREAD = Kind(
    make=partial(ThreadExecutor, threads=1),
    describe=Invocation(describe, (1,), {"b": 2}),
    fail=Invocation(fail),
    refuse=Invocation(refuse),
    touch=lambda path: Invocation(touch, (path,)),
    block=OverPipes,
    stops_running_work=False,
    read_variable=Invocation(read_variable),
    set_variable=Invocation(set_variable),
)
PROCESS = Kind(
    make=partial(ProcessExecutor, processes=1),
    describe=Invocation(describe, (1,), {"b": 2}),
    fail=Invocation(fail),
    refuse=Invocation(refuse),
    touch=lambda path: Invocation(touch, (path,)),
    block=OverPipes,
    sees_context=False,
)
KINDS = {"coroutine": COROUTINE, "thread": THREAD, "process": PROCESS}

every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
kinds_with_context = pytest.mark.parametrize(
    "kind",
    [kind for kind in KINDS.values() if kind.sees_context],
    ids=[name for name, kind in KINDS.items() if kind.sees_context],
)
FIRST, SECOND = Attempt(0), Attempt(1)


@every_kind
@in_a_loop
async def test_work_gets_its_arguments_and_its_value_is_told(kind: Kind) -> None:
    told = Told()
    executor = kind.make(told)
    executor.start(FIRST, kind.describe)
    assert FIRST not in told.outcomes, "start returns before the work ends"
    assert await told.of(FIRST) == Succeeded("a=1 b=2")
    await executor.close()


@every_kind
@in_a_loop
async def test_work_that_raises_has_failed(kind: Kind) -> None:
    told = Told()
    executor = kind.make(told)
    executor.start(FIRST, kind.fail)
    outcome = await told.of(FIRST)
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.because, Raised)
    assert (outcome.because.error, outcome.because.message) == ("ValueError", "no such page")
    assert "in fail\n" in outcome.because.traceback
    assert "weft/executors" not in outcome.because.traceback
    assert isinstance(outcome.exception, ValueError)
    await executor.close()


@every_kind
@pytest.mark.parametrize(
    ("asked", "asked_s"),
    [
        (12, 12.0),
        ("0.5", 0.5),
        (timedelta(minutes=1), 60.0),
        (None, None),
        (True, None),
        (-1, None),
        (float("nan"), None),
        pytest.param(10**400, None, id="more than a float holds"),
        ("Wed, 21 Oct 2015 07:28:00 GMT", None),
        ([12], None),
    ],
    ids=str,
)
@in_a_loop
async def test_an_exception_says_when_to_try_again(kind: Kind, asked: object, asked_s: float | None) -> None:
    told = Told()
    executor = kind.make(told)
    executor.start(FIRST, msgspec.structs.replace(kind.refuse, args=(*kind.refuse.args, asked)))
    outcome = await told.of(FIRST)
    assert isinstance(outcome, Failed)
    assert outcome.retry_after_s == asked_s
    await executor.close()


@every_kind
@in_a_loop
async def test_each_attempt_ends_exactly_once(kind: Kind) -> None:
    told = Told()
    executor = kind.make(told)
    attempts = [Attempt(task) for task in range(60)]
    for attempt in attempts:
        executor.start(attempt, kind.fail if attempt.task % 2 else kind.describe)
    for attempt in attempts[::3]:
        executor.stop(attempt, force=False)
        executor.stop(attempt, force=True)
    for attempt in attempts:
        await told.of(attempt)
    for attempt in attempts:
        executor.stop(attempt, force=True)
    await executor.close()
    assert list(told.outcomes) != []
    assert set(told.outcomes) == set(attempts)


@every_kind
@in_a_loop
async def test_a_failure_leaves_the_next_attempt_alone(kind: Kind) -> None:
    told = Told()
    executor = kind.make(told)
    executor.start(Attempt(0, number=1), kind.fail)
    executor.start(Attempt(0, number=2), kind.describe)
    assert await told.of(Attempt(0, number=2)) == Succeeded("a=1 b=2")
    assert isinstance(await told.of(Attempt(0, number=1)), Failed)
    await executor.close()


@every_kind
@in_a_loop
async def test_an_attempt_can_be_started_while_an_end_is_being_told(kind: Kind) -> None:
    told = Told()

    def start_the_next(attempt: Attempt, outcome: object) -> None:
        told(attempt, outcome)  # type: ignore[arg-type]  # an Outcome, as the protocol has it
        if attempt.task < 50:
            executor.start(Attempt(attempt.task + 1), kind.describe)

    executor = kind.make(start_the_next)
    executor.start(FIRST, kind.describe)
    assert await told.of(Attempt(50)) == Succeeded("a=1 b=2")
    await executor.close()


@every_kind
@in_a_loop
async def test_work_that_is_stopped_before_it_begins_never_runs(kind: Kind, tmp_path: Path) -> None:
    told = Told()
    executor = kind.make(told)
    blocker = kind.block(tmp_path)
    executor.start(FIRST, blocker.job)
    await blocker.begun()
    executor.start(SECOND, kind.touch(tmp_path / "second"))
    executor.stop(SECOND, force=False)
    assert SECOND not in told.outcomes, "an end is never told from within a call of the runtime"
    assert await told.of(SECOND) == Cancelled(CancelAsked())
    await blocker.release()
    assert await told.of(FIRST) == Succeeded("released")
    await executor.close()
    assert not (tmp_path / "second").exists()


@every_kind
@pytest.mark.parametrize("force", [False, True], ids=["politely", "by force"])
@in_a_loop
async def test_running_work_is_stopped_where_that_can_be(kind: Kind, force: bool, tmp_path: Path) -> None:
    told = Told()
    executor = kind.make(told)
    blocker = kind.block(tmp_path)
    executor.start(FIRST, blocker.job)
    await blocker.begun()
    executor.stop(FIRST, force=force)
    if kind.stops_running_work:
        assert await told.of(FIRST) == Cancelled(CancelAsked())
    else:
        await blocker.release()
        assert await told.of(FIRST) == Succeeded("released")
    executor.start(SECOND, kind.describe)
    assert await told.of(SECOND) == Succeeded("a=1 b=2")
    await executor.close()


@every_kind
@in_a_loop
async def test_to_stop_what_is_unknown_or_over_does_nothing(kind: Kind) -> None:
    told = Told()
    executor = kind.make(told)
    executor.stop(SECOND, force=True)
    executor.start(FIRST, kind.describe)
    outcome = await told.of(FIRST)
    executor.stop(FIRST, force=True)
    await executor.close()
    assert told.outcomes == {FIRST: outcome}


@every_kind
@in_a_loop
async def test_an_executor_that_was_never_used_can_be_closed(kind: Kind) -> None:
    await kind.make(Told()).close()


@every_kind
def test_an_executor_works_in_a_loop_outside_the_main_thread(kind: Kind) -> None:
    outcomes = []

    @in_a_loop
    async def scenario() -> None:
        told = Told()
        executor = kind.make(told)
        executor.start(FIRST, kind.describe)
        outcomes.append(await told.of(FIRST))
        await executor.close()

    thread = Thread(target=scenario)
    thread.start()
    thread.join(TIMEOUT_S)
    assert outcomes == [Succeeded("a=1 b=2")]


@kinds_with_context
@in_a_loop
async def test_context_variables_of_one_attempt_do_not_reach_another(kind: Kind) -> None:
    VARIABLE.set("the caller's")
    shared = copy_context()
    told = Told()
    executor = kind.make(told)
    for task, context in enumerate([None, shared]):
        job = msgspec.structs.replace(kind.set_variable, context=context)
        executor.start(Attempt(task), job)
        await told.of(Attempt(task))
        executor.start(Attempt(10 + task), msgspec.structs.replace(kind.read_variable, context=context))
        assert await told.of(Attempt(10 + task)) == Succeeded("the caller's")
    assert VARIABLE.get() == "the caller's"
    await executor.close()


@kinds_with_context
@in_a_loop
async def test_an_attempt_sees_the_context_it_was_given(kind: Kind) -> None:
    context = copy_context()
    context.run(VARIABLE.set, "given")
    told = Told()
    executor = kind.make(told)
    executor.start(FIRST, msgspec.structs.replace(kind.read_variable, context=context))
    assert await told.of(FIRST) == Succeeded("given")
    await executor.close()


def test_a_loop_that_ends_early_does_not_hang() -> None:
    async def scenario(kind: Kind) -> None:
        kind.make(lambda attempt, outcome: None).start(FIRST, kind.describe)

    for kind in KINDS.values():
        asyncio.run(scenario(kind))
