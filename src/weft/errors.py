"""Everything Weft raises because of what a user gave it.

A task that fails is no error of this kind: it is an Outcome. Our own mistakes are assertions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec


class Place(msgspec.Struct, frozen=True):
    """A spot in a file, both numbers counted from 1."""

    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Problem(msgspec.Struct, frozen=True):
    """One mistake in a plan.

    ``path`` leads to it from the root of the plan, as in ``("tasks", "upload", "needs", 0)``;
    ``place`` is where it stands, when the plan came from a file.
    """

    path: tuple[str | int, ...]
    message: str
    hint: str | None = None
    place: Place | None = None

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        hint = f"\n  hint: {self.hint}" if self.hint else ""
        return f"{where}{self.message}{hint}"


class WeftError(Exception):
    """The base of all errors that Weft raises for what it was given."""


class UsageError(WeftError):
    """A call or a command that can't be carried out as it was written."""


class LockBusy(UsageError):
    """Raised where a lock was not to be waited for, or not any longer."""


class TooFewResults(WeftError):
    """An aggregate can't be made: it would rest on fewer results than it must."""


class PlanError(WeftError):
    """A plan that can't run; carries every problem found, not only the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        assert problems, "a PlanError needs at least one problem"
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class RateLimited(WeftError):
    """To be raised by a task when the other side refuses it for now: the rates it uses slow down.

    Args:
        message: what the other side said.
        retry_after: how many seconds it wants to be left alone.
    """

    def __init__(self, message: str = "refused by a rate limit", *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[Any, ...]:  # it comes back from worker processes
        return _rate_limited, (str(self), self.retry_after)


def _rate_limited(message: str, retry_after: float | None) -> RateLimited:
    return RateLimited(message, retry_after=retry_after)


class TaskFailed(WeftError):
    """Raised where the result of a task is asked for that has none.

    Raised by ``await handle`` when the task ended without an exception of its own:
    a command that exited with 1, a skipped or cancelled task.
    """

    def __init__(self, task: str, why: str) -> None:
        self.task = task
        super().__init__(f"task `{task}` {why}")


class TaskFailures(WeftError, ExceptionGroup[Exception]):
    """All failures of a run at once; ``exceptions`` holds the originals in plan order.

    Attributes:
        results: what a `map` has got nevertheless: results in the order of the items, and in the
            place of each missing one its exception.
    """

    results: Sequence[Any] = ()

    def derive(self, excs: Sequence[Exception]) -> TaskFailures:  # type: ignore[override]  # typeshed wants a type variable here
        derived = TaskFailures(self.message, excs)
        derived.results = self.results
        return derived
