"""What a task knows of itself, and what follows from what it tells."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.executors.told import in_a_loop

import weft
from weft.api.current import current
from weft.errors import RateLimited, UsageError
from weft.model.attempt import Attempt
from weft.model.limits import Limit
from weft.model.outcome import Failed, Succeeded
from weft.model.rate import Rate
from weft.model.reason import Exited, Raised, RateDue
from weft.model.retry import Retry
from weft.model.scope import Scope
from weft.model.work import Command, ResultFormat
from weft.runtime.engine import Engine
from weft.runtime.work import Place
from weft.scheduling.facts import AttemptEnded, AttemptStarted, Fact

SOURCE = {"PYTHONPATH": str(Path(weft.__path__[0]).parent)}


def program(text: str, result: ResultFormat = ResultFormat.NONE) -> Command:
    return Command((sys.executable, "-c", f"import weft\n{text}"), env=SOURCE, result=result)


def tell_of_oneself() -> tuple[str, str, int]:
    task = current()
    return task.task_id, task.run_id, task.attempt


def settle(**costs: int) -> None:
    current().settle(**costs)


async def settle_in_a_coroutine(**costs: int) -> None:
    await asyncio.gather(asyncio.to_thread(settle, **costs))


def settle_and_fail(**costs: int) -> None:
    settle(**costs)
    raise ValueError("no such page")


SETTLING = [
    pytest.param(settle, "loop", id="loop"),
    pytest.param(settle_in_a_coroutine, None, id="coroutine"),
    pytest.param(settle, "thread", id="thread"),
    pytest.param(settle, "process", id="process"),
    pytest.param(settle_and_fail, "thread", id="failing thread"),
    pytest.param(settle_and_fail, "process", id="failing process"),
]


@pytest.mark.parametrize("where", ["loop", "thread", "process"])
@in_a_loop
async def test_a_function_knows_who_it_is(where: Place) -> None:
    async with Engine() as engine:
        answer = await engine.submit(tell_of_oneself, id="who", where=where)
    assert answer == ("who", engine.run_id, 1)


@in_a_loop
async def test_each_of_many_at_once_knows_who_it_is() -> None:
    async with Engine(20) as engine:
        asked = [
            engine.submit(tell_of_oneself, id=f"{where} {n}", where=where)
            for n in range(30)
            for where in ("loop", "thread", "process")
        ]
        assert [(await each)[0] for each in asked] == [each.id for each in asked]


def fail_twice() -> int:
    if current().attempt < 3:
        raise ConnectionError
    return current().attempt


@pytest.mark.parametrize("where", ["loop", "thread", "process"])
@in_a_loop
async def test_attempts_are_told_apart(where: Place) -> None:
    async with Engine() as engine:
        assert await engine.submit(fail_twice, retry=Retry(base_s=0), where=where) == 3


@in_a_loop
async def test_a_task_within_a_task_is_itself() -> None:
    async def outer() -> tuple[str, str, str]:
        async with Engine() as inside:
            inner = await inside.submit(tell_of_oneself, id="inner", where="thread")
        return inner[0], inner[1], current().task_id

    async with Engine() as engine:
        inner, inner_run, itself = await engine.submit(outer, id="outer")
    assert (inner, itself) == ("inner", "outer")
    assert inner_run != engine.run_id


def test_outside_of_a_task_it_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WEFT_TASK_ID", raising=False)
    with pytest.raises(UsageError, match=r"no task runs here(?s:.)*hint: a thread that a task has started"):
        current()


@in_a_loop
async def test_a_thread_that_a_task_has_started_uses_what_the_task_hands_on() -> None:
    def function() -> list[str]:
        found: list[str] = []
        task = current()
        thread = threading.Thread(target=lambda: found.append(task.task_id))
        thread.start()
        thread.join()
        return found

    async with Engine() as engine:
        assert await engine.submit(function, id="who") == ["who"]


@in_a_loop
async def test_a_function_has_no_results_to_read() -> None:
    async with Engine() as engine:
        asked = engine.submit(lambda: current().results)
        with pytest.raises(UsageError, match="a function gets results as its arguments"):
            await asked


# Costs. An hour is longer than any test: what has to wait for the window waits for ever.


@pytest.mark.parametrize(("function", "where"), SETTLING)
@in_a_loop
async def test_what_was_reserved_and_not_used_is_free_again(
    function: Callable[..., Any], where: Place | None
) -> None:
    async with Engine(1, {"api": Rate(10, per="1h")}) as engine:
        first = engine.submit(partial(function, api=4), limits={"api": 10}, where=where)
        assert await engine.submit(tell_of_oneself, id="next", limits={"api": 6})
        assert first.outcome is not None


@pytest.mark.parametrize(("function", "where"), SETTLING)
@in_a_loop
async def test_what_was_used_and_not_reserved_counts(
    function: Callable[..., Any], where: Place | None
) -> None:
    rate = Rate({"requests": "100/h", "tokens": "10/h"})
    async with Engine(1, {"api": rate}) as engine:
        first = engine.submit(partial(function, tokens=9), limits={"api": {"tokens": 1}}, where=where)
        second = engine.submit(tell_of_oneself, limits={"api": {"tokens": 2}})
        await first.wait()
        await asyncio.sleep(0)
        (because,) = engine.waiting(second)
        second.cancel()
    assert isinstance(because, RateDue)


@in_a_loop
async def test_of_what_is_told_again_the_last_counts_and_of_others_what_was_reserved() -> None:
    def tell() -> None:
        current().settle(tokens=1)
        current().settle(tokens=4)

    async with Engine(1, {"api": Rate({"requests": "2/h", "tokens": "10/h"})}) as engine:
        engine.submit(tell, limits={"api": {"tokens": 10}})
        assert await engine.submit(tell_of_oneself, limits={"api": {"tokens": 6}})
        third = engine.submit(tell_of_oneself, limits={"api": 1})
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert isinstance(engine.waiting(third)[0], RateDue)
        third.cancel()


@pytest.mark.parametrize("scope", Scope)
@in_a_loop
async def test_each_attempt_is_settled_by_its_own_costs(
    scope: Scope, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEFT_STATE_HOME", str(tmp_path))

    def tell() -> None:
        if current().attempt == 1:
            current().settle(api=7)
            raise ConnectionError

    async with Engine(1, {"api": Rate(10, per="1h", scope=scope)}) as engine:
        engine.submit(tell, limits={"api": 2}, retry=Retry(base_s=0))
        assert await engine.submit(tell_of_oneself, limits={"api": 1})


@pytest.mark.parametrize("where", ["loop", "thread", "process"])
@pytest.mark.parametrize(
    ("limits", "costs", "complaint"),
    [
        ({"api": {"tokens": 1}}, {"token": 1}, "no rate with a cost `token`\n  hint: did you mean `tokens`?"),
        ({"api": {"tokens": 1}}, {"x": 1}, "hint: it has `requests`, `tokens`"),
        ({}, {"tokens": 1}, "uses no rate: there is no cost `tokens` to settle"),
        ({"gpu": 1}, {"gpu": 1}, "uses no rate"),
        ({"api": 1}, {"tokens": -1}, "a cost of -1 for `tokens`"),
        ({"api": 1}, {"tokens": 1.5}, "a cost of 1.5 for `tokens`"),
        ({"api": 1}, {"tokens": True}, "a cost of True for `tokens`"),
    ],
)
@in_a_loop
async def test_a_cost_that_makes_no_sense_is_an_error_where_it_is_told(
    where: Place, limits: dict[str, Any], costs: dict[str, Any], complaint: str
) -> None:
    shared: dict[str, Limit] = {"api": Rate({"requests": "9/h", "tokens": "9/h"}), "gpu": weft.Pool(1)}
    async with Engine(limits=shared) as engine:
        outcome = await engine.submit(partial(settle, **costs), limits=limits, where=where).wait()
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.because, Raised)
    assert outcome.because.error == "weft.errors.UsageError"
    assert complaint in outcome.because.message


@in_a_loop
async def test_what_is_told_after_the_end_of_the_task_is_an_error() -> None:
    async with Engine(limits={"api": Rate(1, per="1h")}) as engine:
        task = await engine.submit(current, limits={"api": 1})
        with pytest.raises(UsageError, match="has ended"):
            task.settle(api=1)


# Commands.


@in_a_loop
async def test_a_program_that_runs_as_a_task_knows_who_it_is(tmp_path: Path) -> None:
    script = (
        "task = weft.current(); print([task.task_id, task.run_id, str(task.attempt), *task.results.values()])"
    )
    async with Engine(root=tmp_path) as engine:
        seven = engine.submit(lambda: 7)
        told = engine.submit(program(script, ResultFormat.TEXT), id="who", needs=[seven])
        assert await told == str(["who", engine.run_id, "1", 7])


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(Command("echo weft: cost api=4 >&2"), id="on standard error"),
        pytest.param(Command("echo weft: cost other=1  api=4"), id="on standard output"),
        pytest.param(
            Command("echo weft: cost api=4; echo busy; echo weft: cost api=4 >&2"), id="on one of them"
        ),
        pytest.param(Command("echo weft: cost api=4; exit 1"), id="failing"),
        pytest.param(Command("echo weft: cost api=4; kill -KILL $$"), id="killed"),
        pytest.param(
            Command("echo weft: cost api=4 >&2; echo weft: retry-after 1 >&2; exit 1"), id="with a wish"
        ),
        pytest.param(
            program("weft.current().settle(api=3); print(1); weft.current().settle(api=4)"), id="Python"
        ),
        pytest.param(program("weft.current().settle(api=4); 1 / 0"), id="failing Python"),
    ],
)
@in_a_loop
async def test_a_command_tells_its_costs_by_its_last_line(command: Command, tmp_path: Path) -> None:
    async with Engine(1, {"api": Rate(10, per="1h", refused_on=(75,))}, root=tmp_path) as engine:
        engine.submit(command, limits={"api": 10})
        assert await engine.submit(tell_of_oneself, limits={"api": 6})


@pytest.mark.parametrize(
    "script",
    [
        "echo weft: cost api=4; echo more",
        "echo weft: cost api=-4",
        "echo weft: cost 4",
        "echo weft: cost other=4",
    ],
)
@in_a_loop
async def test_what_a_command_tells_elsewhere_or_otherwise_is_passed_over(
    script: str, tmp_path: Path
) -> None:
    async with Engine(1, {"api": Rate(10, per="1h")}, root=tmp_path) as engine:
        first = engine.submit(Command(script), limits={"api": 10})
        second = engine.submit(tell_of_oneself, limits={"api": 6})
        assert await first.wait() == Succeeded(None)
        await asyncio.sleep(0)
        assert isinstance(engine.waiting(second)[0], RateDue)
        second.cancel()


@in_a_loop
async def test_a_program_writes_its_costs_last_and_a_fork_of_it_writes_none(tmp_path: Path) -> None:
    script = (
        "import os, sys; weft.current().settle(api=4); pid = os.fork(); pid and os.waitpid(pid, 0); "
        "print('bye', file=sys.stderr)"
    )
    async with Engine(root=tmp_path) as engine:
        await engine.submit(program(script), id="forks")
        assert engine.folder is not None
        assert engine.folder.stderr("forks").read_text() == "bye\nbye\nweft: cost api=4\n"


# Refusals.


def refuse_once() -> int:
    if current().attempt == 1:
        raise RateLimited(retry_after=0.2)
    return current().attempt


REFUSED = Command(
    "test $WEFT_ATTEMPT -gt 1 || { echo 'weft: retry-after 0.2'; echo 'weft: cost api=2'; exit 75; }"
)


@pytest.mark.parametrize(
    ("work", "where"),
    [
        pytest.param(refuse_once, "loop", id="loop"),
        pytest.param(refuse_once, "thread", id="thread"),
        pytest.param(refuse_once, "process", id="process"),
        pytest.param(REFUSED, None, id="command"),
    ],
)
@in_a_loop
async def test_after_a_refusal_nothing_starts_until_it_may(
    work: Callable[..., Any] | Command, where: Place | None, tmp_path: Path
) -> None:
    facts: list[Fact] = []

    def keep(turn: Sequence[Fact]) -> None:
        facts.extend(turn)

    rate = Rate(5, per=0.2, refused_on=(75,))
    async with Engine(1, {"api": rate}, root=tmp_path) as engine:
        engine.listen(keep)
        refused = engine.submit(work, limits={"api": 1}, retry=Retry(base_s=0), where=where)
        others = [engine.submit(tell_of_oneself, limits={"api": 1}) for _ in range(3)]
    ends = {fact.attempt: fact for fact in facts if isinstance(fact, AttemptEnded)}
    starts = {fact.attempt: fact.at for fact in facts if isinstance(fact, AttemptStarted)}
    first = ends.pop(Attempt(refused.position, 1))
    assert isinstance(first.outcome, Failed)
    assert first.outcome.because == Exited(75) or isinstance(first.outcome.exception, RateLimited)
    assert isinstance(refused.outcome, Succeeded)
    assert all(isinstance(each.outcome, Succeeded) for each in others)
    assert len(ends) == 4
    assert min(at for attempt, at in starts.items() if attempt != first.attempt) >= first.at + 0.2
