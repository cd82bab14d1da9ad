"""The plan that is looked at, and what several rows of the table ask about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

from weft.model.plan import Plan
from weft.model.task import Task
from weft.model.work import Call, Command
from weft.planning.graph import topological_order
from weft.planning.patterns import NOWHERE, Ground, parse, path_text
from weft.planning.prepare import PreparedPlan
from weft.planning.reach import ends_before
from weft.planning.recommend.function import Named, named_in
from weft.planning.recommend.script import Script, script_of

_UNKNOWN = Script()
_NOTHING = Named()


class Subject:
    """A plan, and what can be seen of it; each answer is found out when it is wanted.

    Args:
        prepared: the plan.
        max_concurrent: how many tasks would run at once.
        ground: what the plan was prepared with.
    """

    def __init__(self, prepared: PreparedPlan, max_concurrent: int, ground: Ground = NOWHERE) -> None:
        self.prepared = prepared
        self.max_concurrent = max_concurrent
        self.ground = ground

    @property
    def plan(self) -> Plan:
        """The plan itself."""
        return self.prepared.plan

    @cached_property
    def tasks(self) -> list[Task]:
        """All tasks, those that bring back what others have made among them."""
        return [prepared.task for prepared in self.prepared.tasks]

    @cached_property
    def entries(self) -> dict[str, list[int]]:
        """The positions of the tasks that stand under each name of the plan."""
        entries: dict[str, list[int]] = {}
        for position, task in enumerate(self.tasks):
            if not task.brings_back:
                entries.setdefault(entry_of(task), []).append(position)
        return entries

    @cached_property
    def scripts(self) -> list[Script]:
        """What can be seen of the command of each task."""
        return [script_of(task.work) if isinstance(task.work, Command) else _UNKNOWN for task in self.tasks]

    @cached_property
    def functions(self) -> list[Named]:
        """What can be seen of the function of each task."""
        works = [task.work for task in self.tasks]
        seen = {id(work.function): work.function for work in works if isinstance(work, Call)}
        named = {key: named_in(function) for key, function in seen.items()}
        return [named[id(work.function)] if isinstance(work, Call) else _NOTHING for work in works]

    @cached_property
    def written(self) -> list[list[str]]:
        """For each task the single files that it writes, as it declares or its command shows."""
        return [
            list(dict.fromkeys([*_declared(task), *_shown(script)]))
            for task, script in zip(self.tasks, self.scripts, strict=True)
        ]

    @cached_property
    def writers(self) -> dict[str, list[int]]:
        """The tasks that write each of these files, in plan order."""
        writers: dict[str, list[int]] = {}
        for position, paths in enumerate(self.written):
            for path in paths:
                writers.setdefault(path, []).append(position)
        return writers

    @cached_property
    def sources(self) -> list[list[int]]:
        """For each task, those that have ended when it starts."""
        return ends_before(self.prepared)

    @cached_property
    def levels(self) -> list[list[int]]:
        """The tasks by the length of the longest chain before them: those of one level are in no order."""
        depth = [0] * len(self.tasks)
        for position in topological_order(len(self.tasks), self.sources):
            depth[position] = max((depth[source] + 1 for source in self.sources[position]), default=0)
        levels: list[list[int]] = [[] for _ in range(max(depth, default=-1) + 1)]
        for position, task in enumerate(self.tasks):
            if not task.brings_back:
                levels[depth[position]].append(position)
        return [level for level in levels if level]

    def before(self, position: int) -> set[int]:
        """Return all tasks that have ended when the one at ``position`` starts."""
        found: set[int] = set()
        waiting = list(self.sources[position])
        while waiting:
            source = waiting.pop()
            if source not in found:
                found.add(source)
                waiting += self.sources[source]
        return found

    def entries_of(self, positions: Iterable[int]) -> tuple[str, ...]:
        """Return the entries under which these tasks stand, each once."""
        return tuple(dict.fromkeys(entry_of(self.tasks[position]) for position in positions))


def entry_of(task: Task) -> str:
    """Return the name under which ``task`` stands in its plan."""
    return task.family or task.id


def _declared(task: Task) -> Iterator[str]:
    for text in task.accesses.writes if task.accesses else ():
        for branch in parse(text).branches:
            if branch.whole:
                yield path_text(branch.segments)


def _shown(script: Script) -> Iterator[str]:
    return (output.path for output in script.outputs)
