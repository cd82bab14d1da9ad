"""From a tree to a Plan: the keys are read, fan-outs expanded, and the whole is checked.

A part that can't be read is left out or stands empty, so that the rest is still checked: all problems
of a file are told at once, and none that only follow from another.
"""

from __future__ import annotations

from collections.abc import Collection

from weft.errors import Problem
from weft.model.group import Group
from weft.model.limits import Limit, Pool
from weft.model.plan import Plan
from weft.model.policy import Policy
from weft.model.task import Task
from weft.planfile.aggregates import aggregates_of
from weft.planfile.keys import PLAN, PlanEntry, TaskEntry
from weft.planfile.reading import Reading
from weft.planfile.tasks import tasks_of
from weft.planfile.tree import Scalar, node_at
from weft.planning.check import problems


def read_plan(reading: Reading) -> Plan:
    """Return the plan that the tree says.

    Raises:
        PlanError: with every problem of the file.
    """
    tree, notes = reading.tree, reading.notes
    if isinstance(tree, Scalar) and tree.value is None:
        notes.empty()
    entry = PLAN.read(tree, (), notes) or PlanEntry()
    plan = Plan(
        tasks=_tasks(entry, reading),
        limits=_limits(entry, reading),
        aggregates=aggregates_of(entry, reading),
        max_concurrent=entry.max_concurrent,
        root=reading.root,
        groups={name: entry.groups.get(name, Group()) for name in reading.names("groups") or ()},
        undeclared=entry.undeclared,
        policy=Policy(
            entry.on_failure, entry.timeout, entry.retry_budget, entry.health, entry.grace, entry.aging
        ),
        locks=entry.locks,
        workspace=entry.workspace,
        merge=entry.merge,
        cache_bytes=entry.cache.size,
    )
    unclear = _unclear_names(reading)
    unread = _unread_limits(entry, reading)
    members_known = not (notes.spoilt(("tasks",)) or notes.spoilt(("groups",)))
    for problem in problems(plan):
        follows = _follows(problem, reading, unclear) or _asks_of(problem, unread)
        if not (follows or (_counts_members(problem) and not members_known)):
            reading.problem(problem.path, problem.message, problem.hint)
    notes.raise_if_any()
    return plan


def _tasks(entry: PlanEntry, reading: Reading) -> tuple[Task, ...]:
    tasks: list[Task] = []
    for name in reading.names("tasks") or ():
        tasks += tasks_of(name, entry.tasks.get(name, TaskEntry()), entry.env, reading)
    return tuple(tasks)


def _limits(entry: PlanEntry, reading: Reading) -> dict[str, Limit]:
    """Return the limits, with something in the place of those that can't be read."""
    return {name: entry.limits.get(name, Pool(1)) for name in reading.names("limits") or ()}


def _unread_limits(entry: PlanEntry, reading: Reading) -> Collection[str]:
    """Return the limits of which nobody knows what they hold."""
    names = reading.names("limits") or ()
    return {
        name for name in names if name not in entry.limits or reading.notes.spoilt(("limits", name, "rate"))
    }


def _unclear_names(reading: Reading) -> tuple[str, ...]:
    """Return the beginnings of names that may stand for tasks or groups which could not be read."""
    names = reading.names("tasks")
    if names is None or reading.names("groups") is None:
        return ("",)
    return tuple(f"{name}[" for name in names if reading.notes.spoilt(("tasks", name, "each")))


def _follows(problem: Problem, reading: Reading, unclear: tuple[str, ...]) -> bool:
    """Tell whether ``problem`` is only that a name is unknown whose declaration could not be read."""
    match problem.path:
        case ("tasks", _, "limits", *_):
            return reading.names("limits") is None
        case ("tasks" | "groups", _, "group"):
            return reading.names("groups") is None
        case ("tasks" | "groups", _, "merge") | ("merge",):
            return _places_unread(reading)
        case ("aggregates", _, "weights", str(name)):
            return name.startswith(unclear)
    node = node_at(reading.tree, problem.path)
    if not isinstance(node, Scalar):
        return False
    unfilled = "{" in node.text and reading.notes.spoilt((*problem.path[:2], "each"))
    return unfilled or node.text.startswith(unclear)


def _places_unread(reading: Reading) -> bool:
    """Tell whether nobody knows where all tasks work."""
    tasks, groups = reading.names("tasks"), reading.names("groups")
    places = [
        ("workspace",),
        *(
            (room, name, key)
            for room, names in (("tasks", tasks), ("groups", groups))
            for name in names or ()
            for key in ("workspace", "group")
        ),
    ]
    return tasks is None or groups is None or any(map(reading.notes.spoilt, places))


def _asks_of(problem: Problem, limits: Collection[str]) -> bool:
    """Tell whether ``problem`` is about what a task takes of one of ``limits``."""
    match problem.path:
        case ("tasks", _, "limits", str(name), *_):
            return name in limits
    return False


def _counts_members(problem: Problem) -> bool:
    """Tell whether ``problem`` is about who belongs to a group, or how many an aggregate is made from."""
    match problem.path:
        case ("groups", _) | ("groups", _, "min_required"):
            return True
        case ("aggregates", _, "min_required" | "quorum"):
            return True
    return False
