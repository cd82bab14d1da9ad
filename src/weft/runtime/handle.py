"""A handle: what a caller holds of a task that was submitted to an engine."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Sequence
from contextvars import Context
from typing import Any, Protocol

from msgspec.structs import replace

from weft.model.outcome import Outcome, Succeeded
from weft.model.task import Task
from weft.model.work import Call
from weft.views.report import error_of


class Owner(Protocol):
    """The engine, as far as a handle needs it."""

    def cancel(self, *handles: Handle) -> None:
        """Take these tasks back."""


class Handle:
    """A submitted task. Await it for its result; give it to another task to make that depend on it.

    Attributes:
        task: what was submitted; once it has ended, without arguments that refer to other tasks.
        position: its place in program order.
        outcome: how it ended, or None while it has not.
    """

    __slots__ = ("_lost", "_owner", "_waiters", "context", "needs", "outcome", "position", "task")

    def __init__(self, owner: Owner, position: int, task: Task, context: Context) -> None:
        self._owner = owner
        self._waiters: list[asyncio.Future[Outcome]] | None = None
        self._lost: BaseException | None = None  # why there will never be an outcome
        self.position = position
        self.task = task
        self.context = context  # the caller's variables, as they were when the task was submitted
        self.needs: Sequence[Handle] = ()  # whose results it may see, in program order, until it has ended
        self.outcome: Outcome | None = None

    @property
    def id(self) -> str:
        """The task's id."""
        return self.task.id

    def belongs_to(self, owner: Owner) -> bool:
        """Tell whether the task was submitted to this engine."""
        return self._owner is owner

    @property
    def value(self) -> Any:
        """The result of a task that has succeeded."""
        assert isinstance(self.outcome, Succeeded), f"{self!r} has no result"
        return self.outcome.value

    def cancel(self) -> None:
        """Take the task back: it does not start, or is stopped if it runs. Nothing, if it has ended."""
        self._owner.cancel(self)

    async def wait(self) -> Outcome:
        """Return the outcome, whatever it is, once there is one."""
        if self._lost is not None:
            raise self._lost
        if self.outcome is None:
            waiter: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
            if self._waiters is None:
                self._waiters = []
            self._waiters.append(waiter)
            return await waiter
        return self.outcome

    def __await__(self) -> Generator[Any, None, Any]:
        """Return the result.

        Raises:
            Exception: what the task raised.
            TaskFailed: the task has no result for another cause: exit code, skipped, cancelled.
        """
        outcome = yield from self.wait().__await__()
        if isinstance(outcome, Succeeded):
            return outcome.value
        raise error_of(self.id, outcome)

    def settle(self, outcome: Outcome) -> None:
        """Take in the outcome and wake those who wait for it. The engine calls this once."""
        self.outcome = outcome
        # Or a long chain of tasks would be kept by its last.
        self.needs = ()
        work = self.task.work
        if type(work) is Call and work.refers:
            self.task = replace(self.task, work=Call(work.function, where=work.where))
        for waiter in self._waiters or ():
            if not waiter.done():
                waiter.set_result(outcome)
        self._waiters = None

    def abandon(self, error: BaseException) -> None:
        """Tell those who wait, now or later, that there will be no outcome: the engine broke down."""
        self._lost = error
        for waiter in self._waiters or ():
            if not waiter.done():
                waiter.set_exception(error)
        self._waiters = None

    def __repr__(self) -> str:
        return f"<Handle {self.id}: {self.outcome or 'not ended'}>"
