"""What attempts may know of themselves while they run, and what they tell of their costs.

May be asked from any thread; costs lie here until the engine takes them, just before the attempt's end.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from weft.executors.current import Identity
from weft.model.attempt import Attempt
from weft.model.limits import Limit
from weft.model.lock import Lock
from weft.model.rate import Rate
from weft.model.scope import Scope
from weft.model.task import Task
from weft.runtime.handle import Handle


class RunWitness:
    """Stands for one run.

    Args:
        run_id: the run.
        handles: the tasks that have not ended, by position.
        limits: of the run.
        locks: those that are shared with other processes.
        root: where all others work.
    """

    def __init__(
        self,
        run_id: str,
        handles: Mapping[int, Handle],
        limits: Mapping[str, Limit],
        locks: Mapping[str, Lock],
        root: Path,
    ) -> None:
        self._root = root
        self._run_id = run_id
        self._handles = handles
        self._limits = limits
        self._locks = locks
        self.told: dict[Attempt, dict[str, int]] = {}
        self.places: Mapping[Attempt, Path] = {}  # where attempts work that have a place of their own

    def identity(self, attempt: Attempt) -> Identity | None:
        """Return who this is; None if its task has ended."""
        handle = self._handles.get(attempt.task)
        if handle is None:
            return None
        task = handle.task
        return Identity(
            self._run_id,
            task.id,
            attempt,
            self.costs_of(task),
            self._locks_of(task),
            str(self.places.get(attempt, self._root)),
        )

    def tell(self, attempt: Attempt, costs: Mapping[str, int]) -> None:
        """Take in what an attempt has cost so far, by name; nothing if its task has ended."""
        if attempt.task in self._handles:
            self.told.setdefault(attempt, {}).update(costs)

    def costs_of(self, task: Task) -> tuple[str, ...]:
        """Return the names by which ``task`` tells what it costs: of costs, or of rates that have but one."""
        rates = ((name, self._limits.get(name)) for name in task.limits)
        windows = (
            window.cost or name for name, rate in rates if isinstance(rate, Rate) for window in rate.windows
        )
        return tuple(dict.fromkeys(windows))

    def _locks_of(self, task: Task) -> tuple[str, ...]:
        return tuple(
            name
            for name in task.locks
            if (lock := self._locks.get(name)) is not None and lock.scope is Scope.MACHINE
        )
