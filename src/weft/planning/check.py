"""Does a plan make sense? Every mistake that can be told before anything runs.

Knows names and numbers of a plan, not the file that it came from: a Problem carries the path
of keys that leads to it, and `planfile` knows the line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from math import inf
from typing import Any

from weft.errors import Problem
from weft.model.access import Accesses
from weft.model.group import Group
from weft.model.limits import Limit
from weft.model.plan import Plan
from weft.model.policy import Policy
from weft.model.reason import EdgeReason, Needs, NeedsGroup, Transaction
from weft.model.sentences import sentence
from weft.model.speculation import Effects
from weft.model.task import Task
from weft.model.workspace import Merge, Workspace
from weft.planning import check_cache, check_limits, check_policy, check_workspaces
from weft.planning.check_aggregates import aggregate_problems
from weft.planning.graph import cycles
from weft.planning.merges import with_workspaces
from weft.planning.names import Names
from weft.planning.nearest import did_you_mean
from weft.planning.patterns import pattern_problem
from weft.planning.wiring import Wiring, wiring_of

# Comparing a name with all names of a large plan takes milliseconds; nobody reads more hints than these.
MOST_HINTS = 50
# Each cycle is looked for in all that is left.
MOST_CYCLES = 10

_NONE: Mapping[str, Any] = {}
_DEFAULT = Policy()


def problems(plan: Plan, wiring: Wiring | None = None) -> tuple[Problem, ...]:
    """Return all that is wrong with ``plan``, in the order of its tasks; ``wiring``, if known, is its own."""
    if wiring is None:
        plan = with_workspaces(plan)
        wiring = wiring_of(plan)
    names = wiring.names
    found = [
        *shared_problems(
            plan.max_concurrent, plan.limits, plan.groups, plan.policy, plan.workspace, plan.merge
        ),
        *(problem for name, lock in plan.locks.items() for problem in check_policy.of_lock(name, lock)),
        *_duplicates(plan.tasks),
        *_unknown_needs(plan.tasks, names),
        *(
            problem
            for task in plan.tasks
            for problem in task_problems(task, plan.limits, plan.groups, plan.workspace, plan.merge)
        ),
        *_too_few_members(plan),
        *_two_meanings(plan, names),
        *aggregate_problems(plan, wiring),
        *check_workspaces.of_plan(plan, wiring.unseen),
    ]
    # Who needs the group to which it belongs waits for itself: no need to tell that twice.
    found += list(_own_groups(plan.tasks, names)) or [
        _circle(plan.tasks, wiring, cycle)
        for cycle in islice(cycles(wiring.before, wiring.order), MOST_CYCLES)
    ]
    return tuple(dict.fromkeys(found))  # members of a fan-out share their entry's mistakes


def shared_problems(
    max_concurrent: int | None,
    limits: Mapping[str, Limit] = _NONE,
    groups: Mapping[str, Group] = _NONE,
    policy: Policy = _DEFAULT,
    workspace: Workspace | None = None,
    merge: Merge | None = None,
) -> list[Problem]:
    """Return what is wrong with what tasks share, whichever tasks there are."""
    return [
        *check_limits.of_run(max_concurrent, limits),
        *_groups(groups),
        *check_policy.of_run(policy),
        *check_workspaces.of_all(groups, workspace, merge),
    ]


def task_problems(
    task: Task,
    limits: Mapping[str, Limit],
    groups: Mapping[str, Group],
    workspace: Workspace | None = None,
    merge: Merge | None = None,
) -> list[Problem]:
    """Return what is wrong with ``task``, whatever it needs; ``workspace`` and ``merge`` are the plan's."""
    found: list[Problem] = []
    if task.brings_back:
        return found  # what others have declared is told of these
    if task.limits or task.locks:
        found += check_limits.of_task(_entry(task), task, limits)
    if task.speculative and task.effects is Effects.UNKNOWN:
        found.append(_unsafe_speculation(_entry(task)))
    if task.duration_s is not None:
        found += _duration(task, task.duration_s)
    if task.accesses is not None:
        found += _accesses(task, task.accesses)
    if task.group is not None and task.group not in groups:
        hint = did_you_mean(task.group, groups) or "declare it under `groups:`"
        message = f"task `{_entry(task)}` is in group `{task.group}`, which is not in the plan"
        found.append(Problem(("tasks", _entry(task), "group"), message, hint))
    if task.retry is not None or task.timeout is not None:
        found += check_policy.of_task(_entry(task), task)
    if task.cache is not None:
        found += check_cache.of_task(_entry(task), task, task.cache)
    if task.workspace is not None or task.merge is not None:
        found += check_workspaces.of_task(_entry(task), task, groups, workspace, merge)
    return found


def _entry(task: Task) -> str:
    return task.family or task.id


def same_id(task: Task, id: str | None = None) -> Problem:
    """Return what is wrong with ``task`` where its id, or the ``id`` of its merge, is that of another one."""
    hint = "give each task a name of its own"
    return Problem(("tasks", _entry(task)), f"there are two tasks `{id or task.id}`", hint)


def _duplicates(tasks: Iterable[Task]) -> Iterator[Problem]:
    seen: set[str] = set()
    for task in tasks:
        if task.id in seen:
            yield same_id(task)
        seen.add(task.id)
    families = dict.fromkeys(task.family for task in tasks if task.family and task.family in seen)
    for family in families:
        hint = "rename one of the two"
        yield Problem(("tasks", str(family)), f"`{family}` names both a task and a fan-out", hint)


def _unknown_needs(tasks: Iterable[Task], names: Names) -> Iterator[Problem]:
    hints: dict[str, str | None] = {}
    known = set(names)
    for task in tasks:
        for number, name in enumerate(task.needs):
            if name not in known:
                if name not in hints:
                    hints[name] = did_you_mean(name, names) if len(hints) < MOST_HINTS else None
                yield Problem(
                    ("tasks", _entry(task), "needs", number),
                    f"task `{_entry(task)}` needs `{name}`, which is not in the plan",
                    hints[name],
                )


def _unsafe_speculation(entry: str) -> Problem:
    message = f"task `{entry}` is speculative, and may then run in vain or twice, which it does not allow"
    hint = "declare it `pure` if it leaves nothing but its result, `idempotent` if twice is as good as once"
    return Problem(("tasks", entry, "speculative"), message, hint)


def _duration(task: Task, duration_s: float) -> Iterator[Problem]:
    if not 0 <= duration_s < inf:
        message = f"task `{_entry(task)}` has the duration {duration_s}; expected seconds, 0 or more"
        yield Problem(("tasks", _entry(task), "duration"), message)


def _accesses(task: Task, accesses: Accesses) -> Iterator[Problem]:
    for key, texts in (("reads", accesses.reads), ("writes", accesses.writes)):
        for number, text in enumerate(texts):
            if (what := pattern_problem(text)) is not None:
                message = f"`{text}` under `{key}` of task `{_entry(task)}` is no pattern: {what}"
                yield Problem(("tasks", _entry(task), key, number), message)


def _groups(groups: Mapping[str, Group]) -> Iterator[Problem]:
    for name, group in groups.items():
        if not name:
            yield Problem(("groups", name), "a group has no name; expected at least one character")
        if group.group is not None and group.group not in groups:
            hint = did_you_mean(group.group, groups) or "declare it under `groups:`"
            message = f"group `{name}` is in group `{group.group}`, which is not in the plan"
            yield Problem(("groups", name, "group"), message, hint)
        yield from check_policy.of_group(name, group)
    yield from _groups_in_a_circle(groups)


def _groups_in_a_circle(groups: Mapping[str, Group]) -> Iterator[Problem]:
    seen: set[str] = set()
    for start in groups:
        way: dict[str, None] = {}
        name: str | None = start
        while name is not None and name in groups and name not in way and name not in seen:
            way[name] = None
            name = groups[name].group
        if name is not None and name in way:
            circle = [*way][[*way].index(name) :]
            chain = " -> ".join(f"`{each}`" for each in (*circle, name))
            message = f"these groups are inside each other: {chain}"
            if len(circle) == 1:
                message = f"group `{name}` is inside itself"
            yield Problem(("groups", name, "group"), message, "let one of them be in no group")
        seen.update(way)


def _too_few_members(plan: Plan) -> Iterator[Problem]:
    n_members = Counter(task.group for task in plan.tasks if not task.brings_back)
    n_members.update(group.group for group in plan.groups.values())
    for name, group in plan.groups.items():
        least = group.min_required
        if isinstance(least, int) and least > n_members[name]:
            message = (
                f"`min_required` of group `{name}` is {least}; expected no more than its members, "
                f"of which there are {n_members[name]}"
            )
            share = f"a share of them is written `{least}%`, and {least / 100:g} in Python"
            yield Problem(("groups", name, "min_required"), message, share if least <= 100 else None)


def _two_meanings(plan: Plan, names: Names) -> Iterator[Problem]:
    """Yield the names that are used and might mean a group, or else a task or fan-out outside of it."""
    sources = [task.needs for task in plan.tasks] + [each.source for each in plan.aggregates.values()]
    used = {name for source in sources for name in source} if plan.groups else set()
    for name in plan.groups:
        if name in used and not set(names.alone(name)) <= set(names.positions([name])):
            message = f"`{name}` may be needed as a group, or as a task that does not belong to it"
            yield Problem(("groups", name), message, "rename one of the two, or put the task into the group")


def _own_groups(tasks: Iterable[Task], names: Names) -> Iterator[Problem]:
    for task in tasks:
        if task.needs and task.group is not None:
            around = set(names.around(task.group))
            for number, name in enumerate(task.needs):
                if name in around:
                    path = ("tasks", _entry(task), "needs", number)
                    message = f"task `{_entry(task)}` needs group `{name}`, to which it belongs"
                    yield Problem(path, message, "it would wait for itself")


def _circle(tasks: Sequence[Task], wiring: Wiring, cycle: Sequence[int]) -> Problem:
    first = tasks[cycle[0]]
    path = ("tasks", _entry(first), "needs")
    if len(cycle) == 1:
        return Problem(path, f"task `{first.id}` needs itself")
    steps = [
        _reason(wiring, before, after) for before, after in zip(cycle, [*cycle[1:], cycle[0]], strict=True)
    ]
    chain = " -> ".join(f"`{tasks[position].id}`" for position in (*cycle, cycle[0]))
    if all(isinstance(because, Needs) for because in steps):
        message = f"these tasks wait for each other: {chain} (each must end before the next)"
        return Problem(path, message, "take one of these `needs` away")
    afters = [*cycle[1:], cycle[0]]
    told = [f"`{tasks[after].id}` waits: {sentence(why)}" for after, why in zip(afters, steps, strict=True)]
    message = f"these tasks wait for each other: {chain}\n  " + "\n  ".join(told)
    atomic = "atomic " if any(isinstance(because, Transaction) for because in steps) else ""
    return Problem(path, message, f"take one of these `needs` away, or a task out of its {atomic}group")


def _reason(wiring: Wiring, before: int, after: int) -> EdgeReason:
    """Return why ``after`` comes after ``before``: a need, if there is one."""
    reasons = [edge.because for edge in wiring.edges[after] if edge.before == before]
    return next((because for because in reasons if isinstance(because, Needs | NeedsGroup)), reasons[0])
