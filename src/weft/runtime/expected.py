"""How long tasks will take, by how long they took in earlier runs, where the plan does not say."""

from __future__ import annotations

from pathlib import Path

import msgspec

from weft.model.plan import Plan
from weft.runtime.history import history


def expecting(plan: Plan) -> Plan:
    """Return ``plan`` with the durations that its tasks, or others of their fan-outs, had in earlier runs.

    Raises:
        JournalError: the journal can't be read.
    """
    unknown = [task for task in plan.tasks if task.duration_s is None]
    if not unknown:
        return plan
    with history(Path(plan.root)) as journal:
        if journal is None:
            return plan
        families = dict.fromkeys(task.family for task in unknown if task.family is not None)
        known = journal.durations([task.id for task in unknown], tuple(families))
    if not known.tasks and not known.families:
        return plan
    tasks = [
        msgspec.structs.replace(task, duration_s=known.expected_s(task.id, task.family))
        if task.duration_s is None
        else task
        for task in plan.tasks
    ]
    return msgspec.structs.replace(plan, tasks=tuple(tasks))
