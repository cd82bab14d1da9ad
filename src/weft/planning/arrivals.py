"""Tasks that come one by one while a run goes on: each is looked at when it comes, as `check` does in a plan.

Knows what must agree among them: names, and where members of an atomic group work. Hazards among them are
the matter of `runtime.hazards`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from weft.errors import PlanError, Problem
from weft.model.group import Group
from weft.model.limits import Limit
from weft.model.task import Task
from weft.model.workspace import Merge, Workspace
from weft.planning.check import same_id, task_problems
from weft.planning.check_workspaces import AtomicPlaces
from weft.planning.merges import in_place, merging_id


class Arrivals:
    """What tasks so far have taken for themselves.

    Args:
        limits: those that tasks may ask for.
        groups: those that tasks may belong to.
        workspace: where tasks work that have none of their own, and whose group has none.
        merge: how what they make there is brought back.
    """

    def __init__(
        self,
        limits: Mapping[str, Limit],
        groups: Mapping[str, Group],
        workspace: Workspace | None = None,
        merge: Merge | None = None,
    ) -> None:
        self._limits, self._groups = limits, groups
        self._workspace, self._merge = workspace, merge
        self._ids: set[str] = set()  # that users have given; others are as many as there are tasks
        self._merges: set[str] = set()  # ids of the tasks that will bring back what others make
        self._places = AtomicPlaces(groups)

    def take(self, task: Task, *, is_named: bool) -> Task:
        """Return ``task`` with the workspace that holds for it, and keep in mind what it has taken.

        Raises:
            PlanError: with every problem of the task; it has taken nothing then.

        >>> from weft.model.work import Command
        >>> arrivals = Arrivals({}, {}, Workspace())
        >>> arrivals.take(Task("a", Command("true")), is_named=True).workspace.kind
        <WorkspaceKind.SHARED: 'shared'>
        """
        task = in_place(task, self._groups, self._workspace, self._merge)
        merging = merging_id(task)
        found = task_problems(task, self._limits, self._groups, self._workspace, self._merge)
        found += self._clashes(task, merging)
        if found:
            raise PlanError(found)
        if is_named:
            self._ids.add(task.id)
        if merging is not None:
            self._merges.add(merging)
        self._places.add(task)
        return task

    def _clashes(self, task: Task, merging: str | None) -> Iterator[Problem]:
        """Yield what can't be beside the tasks so far."""
        if task.id in self._ids or task.id in self._merges or task.id == merging:
            yield same_id(task)
        if merging in self._ids:
            yield same_id(task, merging)
        if problem := self._places.problem(task):
            yield problem
