"""Tasks that are to run whatever the cache holds: as the user names them."""

from __future__ import annotations

from collections.abc import Iterable

from weft.errors import UsageError
from weft.model.plan import Plan
from weft.planning.nearest import did_you_mean
from weft.views.visible import visible


def check_forced(names: Iterable[str], plan: Plan) -> None:
    """Refuse what is no task of ``plan``, or none that is cached.

    Raises:
        UsageError: a name of ``names`` has no effect.
    """
    tasks = {name: task for task in plan.tasks for name in (task.family, task.id) if name is not None}
    for name in names:
        shown = visible(name)
        if name not in tasks:
            near = did_you_mean(name, tasks)
            hint = f"\n  hint: {near}" if near else ""
            raise UsageError(f"`--force {shown}` names no task of the plan{hint}")
        if tasks[name].cache is None:
            raise UsageError(f"`--force {shown}` has no effect: the task is not cached, and runs in any case")
