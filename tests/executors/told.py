"""What the tests of executors share: a listener that holds them to "exactly once", and a loop to run in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import ParamSpec

from weft.model.attempt import Attempt
from weft.model.outcome import Outcome

# Far more than any of these tests needs: it turns a hang into a failure.
TIMEOUT_S = 30.0

P = ParamSpec("P")


class Told:
    """Stands where the runtime would: an executor tells it of every end."""

    def __init__(self) -> None:
        self.outcomes: dict[Attempt, Outcome] = {}
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def __call__(self, attempt: Attempt, outcome: Outcome) -> None:
        assert asyncio.get_running_loop() is self._loop
        assert attempt not in self.outcomes, f"{attempt} ended twice: {self.outcomes[attempt]}, {outcome}"
        self.outcomes[attempt] = outcome
        self._news.set()

    async def of(self, attempt: Attempt) -> Outcome:
        while attempt not in self.outcomes:
            self._news.clear()
            await self._news.wait()
        return self.outcomes[attempt]


def in_a_loop(test: Callable[P, Coroutine[None, None, None]]) -> Callable[P, None]:
    """Make a test of a coroutine function."""

    async def in_time(*args: P.args, **kwargs: P.kwargs) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            await test(*args, **kwargs)

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(in_time(*args, **kwargs))

    return run
