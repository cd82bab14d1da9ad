"""What the runtime asks of an executor.

All calls are made in the event loop's thread, and `ended` is called there, exactly once for every
attempt that was started. An executor never raises for what the work does: that is an Outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import Context
from typing import Any, Protocol, TypeVar

import msgspec

from weft.model.attempt import Attempt
from weft.model.outcome import Outcome
from weft.model.work import ResultFormat

Ended = Callable[[Attempt, Outcome], None]

Job = TypeVar("Job", contravariant=True)


class Executor(Protocol[Job]):
    """Starts and stops attempts at one kind of work."""

    def start(self, attempt: Attempt, job: Job) -> None:
        """Begin the work and return at once."""

    def stop(self, attempt: Attempt, *, force: bool) -> None:
        """Ask running work to end: politely, or by ``force`` where that is possible.

        The attempt is over only when `ended` has been told so. Work that has ended already, or
        can't be stopped, is left alone.
        """

    async def close(self) -> None:
        """Give back threads, processes and files. Only called when nothing runs any more."""


class Spawn(msgspec.Struct, frozen=True):
    """A command that is ready to start: every path absolute, the environment's additions complete."""

    argv: tuple[str, ...]
    cwd: str
    env: Mapping[str, str]  # on top of the inherited environment
    stdout: str  # files to be made, if anything is written or the command runs for a while
    stderr: str
    result: ResultFormat = ResultFormat.NONE
    earlier: tuple[str, str] | None = None  # where both go that the attempt before has made, if there was one
    tells_costs: bool = False  # if it does, it is at the end of its output, see `told_cost`


class Invocation(msgspec.Struct, frozen=True):
    """A function that is ready to be called: results of other tasks are filled in.

    Each attempt sees a copy of its own of ``context``, or of the context in which the executor
    was made. A worker process sees none; instead it has the variables ``env`` meanwhile. ``name`` is what
    those who look for it shall see.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = {}
    context: Context | None = None
    name: str | None = None
    env: Mapping[str, str] = {}
