"""Hazards of tasks that come one after the other while the run goes on, in program order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from weft.model.access import Accesses
from weft.model.group import Group
from weft.model.reason import NotDeclared
from weft.model.task import Task
from weft.planning.conflicts import Conflicts
from weft.planning.graph import Edge
from weft.planning.merges import MergeOrder, Moment, beyond, moments_of_task
from weft.runtime.links import ground_of


class Hazards:
    """Knows what the tasks of one run touch that have come so far."""

    def __init__(self, root: Path, groups: Mapping[str, Group]) -> None:
        ground = ground_of(root)
        self._conflicts = Conflicts(ground.root, ground.resolve)
        self._merge_order = MergeOrder()
        self._groups = groups
        self._ids: dict[int, str] = {}  # of the tasks that declare accesses

    def add(self, position: int, task: Task) -> tuple[list[Edge], list[Edge]]:
        """Take in the next task; return the edges to its start, and those to the merge of what it makes."""
        starts: list[Edge] = []
        merges: list[Edge] = []
        for moment in moments_of_task(position, task, self._groups):
            found = merges if moment.is_merge else starts
            if moment.accesses is not None:
                found += self._found(moment, task.id, moment.accesses)
                self._ids[position] = task.id
            if moment.is_merge:
                before = self._merge_order.add(position, moment.accesses)
                found += [Edge(at, position, False, NotDeclared(task.id)) for at in before]
        return starts, beyond(starts, merges)

    def _found(self, moment: Moment, task: str, accesses: Accesses) -> Iterator[Edge]:
        # Of each task, the moment of its start comes before that of its merge.
        for hazard in self._conflicts.add(2 * moment.position + moment.is_merge, accesses):
            before = hazard.before // 2
            if before != moment.position:
                because = hazard.reason(self._ids[before], task)
                yield Edge(before, moment.position, hazard.required, because)
