"""Stages of attempts that are more than work handed to an executor: asyncio Tasks, with threads for files.

Knows how they are run and waited for. What is done in which order is decided by who begins them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Stages:
    """What is under way.

    Args:
        crashed: is told what one of them broke down of, if that is a fault of Weft's.
    """

    def __init__(self, crashed: Callable[[BaseException], None]) -> None:
        self._crashed = crashed
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, stages: Coroutine[None, None, None]) -> None:
        """Let ``stages`` go their way."""
        task = asyncio.get_running_loop().create_task(stages)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def wait(self) -> None:
        """Wait until nothing is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._crashed(error)


async def in_thread(
    threads: ThreadPoolExecutor, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs
) -> R:
    """Return what ``function`` returns, which is called in one of ``threads``."""
    call = partial(function, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(threads, call)
