"""What a name in a plan stands for: a task, or all members of a fan-out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from weft.model.task import Task


class Names:
    """Looks up names; grows with the plan. Among tasks of the same id the first is meant."""

    def __init__(self, tasks: Iterable[Task] = ()) -> None:
        self._positions: dict[str, list[int]] = {}
        self._n_tasks = 0
        for task in tasks:
            self.add(task)

    def add(self, task: Task) -> None:
        """Take in the next task in program order."""
        position = self._n_tasks
        self._n_tasks += 1
        self._positions.setdefault(task.id, [position])
        if task.family and task.family != task.id:
            self._positions.setdefault(task.family, []).append(position)

    def __iter__(self) -> Iterator[str]:
        return iter(self._positions)

    def knows(self, name: str) -> bool:
        """Tell whether ``name`` stands for anything."""
        return name in self._positions

    def positions(self, names: Iterable[str]) -> list[int]:
        """Return the positions that ``names`` stand for, in program order; unknown names are passed over."""
        found: list[int] = []
        for name in names:
            found += self._positions.get(name, ())
        return sorted(set(found)) if len(found) > 1 else found
