"""The members of crowds of Weft processes that share limits and locks, and tell what their tasks do."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextvars import Context
from functools import wraps
from pathlib import Path
from typing import Any

import msgspec
from tests.crowd import fork, ready, tell

import weft
from weft.model.attempt import Attempt
from weft.model.limits import Pool
from weft.model.lock import Lock
from weft.model.rate import Rate
from weft.model.scope import Scope
from weft.planning.prepare import prepare
from weft.runtime.engine import Engine
from weft.runtime.run import run_plan
from weft.scheduling.facts import AttemptStarted, Fact

LIMIT, PER_S, UNITS = 100, 1.0, 4


class Begins:
    """Knows when attempts were about to begin: each starts between that and its first step."""

    def __init__(self) -> None:
        self.moments: dict[int, float] = {}

    def record(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            if isinstance(fact, AttemptStarted):
                self.moments[fact.attempt.task] = time.monotonic()

    def environment(self, attempt: Attempt) -> Mapping[str, str]:
        return {}

    def entered(self, attempt: Attempt, context: Context) -> Context:
        return context


async def starts(n: int) -> None:
    """Start as often as the rate allows, ``n`` times at most."""
    begins = Begins()

    async def start(number: int) -> None:
        tell("start", begins.moments[number], time.monotonic())

    async with Engine(4, {"api": Rate(LIMIT, per=PER_S, scope=Scope.MACHINE)}) as engine:
        engine.trace(begins)
        for number in range(n):
            engine.submit(start, number, limits={"api": 1})


async def units(n: int) -> None:
    """Use one of four units ``n`` times, for a moment."""

    async def use() -> None:
        tell("took", time.monotonic())
        await asyncio.sleep(0.005)
        tell("gave", time.monotonic())

    async with Engine(4, {"gpu": Pool(UNITS, scope=Scope.MACHINE)}) as engine:
        for _ in range(n):
            engine.submit(use, limits={"gpu": 1})


async def hold() -> None:
    """Hold a unit and a share of a lock, if need be for ever."""

    async def keep() -> None:
        tell("held")
        await asyncio.Event().wait()

    limits = {"gpu": Pool(UNITS, scope=Scope.MACHINE)}
    async with Engine(4, limits, locks={"index": Lock()}) as engine:
        engine.submit(keep, limits={"gpu": 1}, locks={"index": "shared"})


async def wait() -> None:
    """Wait for a unit and for a lock, until interrupted."""
    api = weft.Plan(limits={"gpu": Pool(UNITS, scope=Scope.MACHINE)})
    api.add(tell, "began", limits={"gpu": UNITS})
    api.add(tell, "began", id="other", locks=["index"])
    plan = msgspec.structs.replace(api.frozen(), locks={"index": Lock()})
    report = await run_plan(prepare(plan), own_signals=True)
    tell(report.state.value)


async def sections(n: int) -> None:
    """Count up ``n`` times, one process at a time."""
    path = Path(os.environ["WEFT_STATE_HOME"]) / "counter"

    async def count() -> None:
        number = int(path.read_text()) + 1 if path.exists() else 1
        await asyncio.sleep(0)
        path.write_text(str(number))
        tell("counted", number)

    async with Engine(4, locks={"counter": Lock()}) as engine:
        for _ in range(n):
            engine.submit(count, locks=["counter"])


def begun(member: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Return ``member`` as one that begins with the others."""

    @wraps(member)
    def run(*numbers: int) -> None:
        ready()
        asyncio.run(member(*numbers))

    return run


if __name__ == "__main__":
    fork(begun(starts), begun(units), begun(hold), begun(wait), begun(sections))
