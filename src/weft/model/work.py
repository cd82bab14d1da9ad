"""What a task does: run a command, call a function, or bring back what others have made.

Knows how the work is written down. Who carries it out is the matter of `executors`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, StrEnum
from typing import Any

import msgspec


class ResultFormat(Enum):
    """How the standard output of a command becomes the result of its task."""

    NONE = "none"  # the result is None; the output stays in the log
    TEXT = "text"  # the whole output, without its last line break
    LINES = "lines"  # a list of lines
    JSON = "json"  # the output is one JSON document


class Command(msgspec.Struct, frozen=True):
    """A program to run.

    A string is a script for ``/bin/sh -c``; a tuple is an argument vector and needs no shell.
    ``cwd`` is relative to the plan's directory; ``env`` is added to the inherited environment.
    """

    run: str | tuple[str, ...]
    env: Mapping[str, str] = {}
    cwd: str = "."
    result: ResultFormat = ResultFormat.NONE

    @property
    def argv(self) -> tuple[str, ...]:
        return ("/bin/sh", "-c", self.run) if isinstance(self.run, str) else self.run


class Where(StrEnum):
    """Where a function is called."""

    LOOP = "loop"  # a coroutine function, in the event loop
    THREAD = "thread"
    PROCESS = "process"  # a function that can be pickled, in a worker that can be killed


class ResultOf(msgspec.Struct, frozen=True):
    """Stands among the arguments of a call for the result of another task of the plan."""

    task: str


class Call(msgspec.Struct, frozen=True):
    """A function to call with these arguments.

    ``refers`` tells that results of other tasks stand among the arguments, so that they must
    be filled in before the call.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = {}
    where: Where = Where.THREAD
    refers: bool = False


class Bring(msgspec.Struct, frozen=True):
    """Brings back what the members of ``group`` have made in workspaces; of None, those of the run.

    Only members whose work is merged with the group, or with the run, and that succeeded.
    """

    group: str | None = None


Work = Command | Call | Bring


def has_result(work: Work) -> bool:
    """Tell whether ``work`` has a result that others can use: a command may have none."""
    if isinstance(work, Command):
        return work.result is not ResultFormat.NONE
    return isinstance(work, Call)
