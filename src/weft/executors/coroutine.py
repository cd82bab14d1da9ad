"""Calls coroutine functions in the event loop, each in an asyncio Task of its own.

A Task of its own per attempt is what keeps them apart: context variables, cancellation and
`asyncio.current_task()` of one never reach another.
"""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from functools import partial
from inspect import isawaitable
from types import CoroutineType

from weft.executors.base import Ended, Invocation
from weft.executors.current import AT_WORK, Witness
from weft.executors.raised import failed
from weft.model.attempt import Attempt
from weft.model.outcome import Cancelled, Outcome, Succeeded
from weft.model.reason import CancelAsked

_CANCELLED = Cancelled(CancelAsked())


class CoroutineExecutor:
    """Made in a running event loop, and runs attempts there.

    ``stop`` cancels the Task: an attempt that swallows the cancellation goes on. It is cancelled anew by
    ``force`` only, for politeness lets its `finally` blocks come to their end.
    """

    __slots__ = ("_asked", "_context", "_ended", "_loop", "_tasks", "_witness")

    def __init__(self, ended: Ended, witness: Witness | None = None) -> None:
        self._ended = ended
        self._witness = witness
        self._loop = asyncio.get_running_loop()
        self._context = copy_context()
        self._tasks: dict[Attempt, asyncio.Task[None]] = {}  # the loop itself holds its Tasks weakly
        self._asked: set[Attempt] = set()  # to end; what is cancelled otherwise is the Task's own affair

    def start(self, attempt: Attempt, job: Invocation) -> None:
        context = (self._context if job.context is None else job.context).copy()
        # Not loop.create_task: the user's loop may have a factory that runs the first step here and now.
        task = asyncio.Task(self._run(attempt, job), loop=self._loop, name=job.name, context=context)
        self._tasks[attempt] = task

    def stop(self, attempt: Attempt, *, force: bool) -> None:
        task = self._tasks.get(attempt)
        if task is None or (attempt in self._asked and not force):
            return
        if attempt not in self._asked:
            self._asked.add(attempt)
            # A Task that is cancelled before its first step never enters `_run`.
            task.add_done_callback(partial(self._tell_if_never_begun, attempt))
        task.cancel()

    async def close(self) -> None:
        """Nothing is held that must be given back."""

    async def _run(self, attempt: Attempt, job: Invocation) -> None:
        if self._witness is not None:
            AT_WORK.set((self._witness, attempt))
        try:
            value = job.function(*job.args, **job.kwargs)
            if type(value) is CoroutineType or isawaitable(value):
                value = await value
        except asyncio.CancelledError:
            self._tell(attempt, _CANCELLED)
        except KeyboardInterrupt as error:
            self._tell(attempt, failed(error))
            raise  # asyncio hands it on to whoever runs the loop
        except BaseException as error:
            if self._is_thrown_away(attempt, error):
                raise
            self._tell(attempt, failed(error))
        else:
            self._tell(attempt, Succeeded(value))

    def _tell(self, attempt: Attempt, outcome: Outcome) -> None:
        del self._tasks[attempt]
        if self._asked:
            self._asked.discard(attempt)
        self._ended(attempt, outcome)

    def _tell_if_never_begun(self, attempt: Attempt, task: asyncio.Task[None]) -> None:
        if attempt in self._tasks:
            self._tell(attempt, _CANCELLED)

    def _is_thrown_away(self, attempt: Attempt, error: BaseException) -> bool:
        """Whether Python is closing a coroutine that was left behind when its loop ended."""
        running = asyncio.current_task(self._loop)
        return isinstance(error, GeneratorExit) and running is not self._tasks.get(attempt)
