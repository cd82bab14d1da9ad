"""What a name in a plan stands for: a task, all members of a fan-out, or all tasks of a group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from weft.model.group import Group
from weft.model.task import Task
from weft.model.work import Bring


class Names:
    """Looks up names; grows with the plan. Among tasks of the same id the first is meant.

    Where a fan-out and a group share a name, the group is meant; `check` sees that they are the same.
    """

    def __init__(self, tasks: Iterable[Task] = (), groups: Mapping[str, Group] | None = None) -> None:
        self._positions: dict[str, list[int]] = {}
        self._groups = groups or {}
        self._members: dict[str, list[int]] = {name: [] for name in self._groups}
        self._merges: dict[str, list[int]] = {}
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
        for group in self.around(task.group):
            self._members[group].append(position)
        if isinstance(task.work, Bring):
            for group in self.around(task.work.group):
                self._merges.setdefault(group, []).append(position)

    def __iter__(self) -> Iterator[str]:
        return iter({**self._positions, **self._members})

    def knows(self, name: str) -> bool:
        """Tell whether ``name`` stands for anything."""
        return name in self._positions or name in self._members

    def groups_among(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return those of ``names`` that stand for groups."""
        return tuple([name for name in names if name in self._members]) if self._members else ()

    def merges(self, group: str) -> list[int]:
        """Return the positions of the tasks that bring back what was made in ``group``."""
        return self._merges.get(group, [])

    def alone(self, name: str) -> list[int]:
        """Return the positions of the task or fan-out called ``name``, be there such a group or not."""
        return self._positions.get(name, [])

    def positions(self, names: Iterable[str]) -> list[int]:
        """Return the positions that ``names`` stand for, in program order; unknown names are passed over."""
        found: list[int] = []
        for name in names:
            found += self._members[name] if name in self._members else self._positions.get(name, ())
        return sorted(set(found)) if len(found) > 1 else found

    def around(self, group: str | None) -> Iterator[str]:
        """Yield ``group`` and those around it, each once, as far as they are known."""
        return groups_around(group, self._groups)


def groups_around(name: str | None, groups: Mapping[str, Group]) -> Iterator[str]:
    """Yield the name of a group and of those around it, the innermost first, as far as they are known."""
    seen: set[str] = set()
    while name is not None and name in groups and name not in seen:
        yield name
        seen.add(name)
        name = groups[name].group
