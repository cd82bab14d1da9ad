"""Does a plan make sense? Every mistake that can be told before anything runs.

Knows names and numbers of a plan, not the file that it came from: a Problem carries the path
of keys that leads to it, and `planfile` knows the line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import inf

from weft.errors import Problem
from weft.model.limits import MAX_CONCURRENT, Limit
from weft.model.plan import Plan
from weft.model.reason import EdgeReason, Needs
from weft.model.sentences import sentence
from weft.model.task import Task
from weft.model.work import has_result
from weft.planning.graph import cycle_among
from weft.planning.names import Names
from weft.planning.nearest import nearest
from weft.planning.patterns import pattern_problem
from weft.planning.wiring import Wiring, wiring_of

# Comparing a name with all names of a large plan takes milliseconds; nobody reads more hints than these.
MOST_HINTS = 50


def problems(plan: Plan, wiring: Wiring | None = None) -> tuple[Problem, ...]:
    """Return all that is wrong with ``plan``, in the order of its tasks; ``wiring``, if known, is its own."""
    wiring = wiring or wiring_of(plan)
    names = wiring.names
    found = [
        *_sizes(plan.max_concurrent, plan.limits),
        *_duplicates(plan.tasks),
        *_unknown_needs(plan.tasks, names),
        *(problem for task in plan.tasks if task.limits for problem in _demands(task, plan.limits)),
        *_durations(plan.tasks),
        *(problem for task in plan.tasks for problem in access_problems(task)),
        *_groups(plan),
        *_aggregates(plan, names),
    ]
    found += _cycle(plan.tasks, wiring)
    return tuple(dict.fromkeys(found))  # members of a fan-out share their entry's mistakes


def _entry(task: Task) -> str:
    return task.family or task.id


def _did_you_mean(name: str, names: Iterable[str]) -> str | None:
    near = nearest(name, names)
    return f"did you mean `{near}`?" if near else None


def limit_problems(max_concurrent: int | None, limits: Mapping[str, Limit]) -> list[Problem]:
    """Return what is wrong with limits as such, whoever uses them."""
    return list(_sizes(max_concurrent, limits))


def demand_problems(task: Task, limits: Mapping[str, Limit]) -> list[Problem]:
    """Return what is wrong with the units that ``task`` takes of ``limits``."""
    return list(_demands(task, limits))


def access_problems(task: Task) -> list[Problem]:
    """Return what is wrong with the patterns that ``task`` reads and writes."""
    if task.accesses is None:
        return []
    return [
        Problem(
            ("tasks", _entry(task), key, number),
            f"`{text}` under `{key}` of task `{_entry(task)}` is no pattern: {what}",
        )
        for key, texts in (("reads", task.accesses.reads), ("writes", task.accesses.writes))
        for number, text in enumerate(texts)
        if (what := pattern_problem(text)) is not None
    ]


def _sizes(max_concurrent: int | None, limits: Mapping[str, Limit]) -> Iterator[Problem]:
    if max_concurrent is not None and max_concurrent < 1:
        yield Problem((MAX_CONCURRENT,), f"`{MAX_CONCURRENT}` is {max_concurrent}; expected 1 or more")
    for name, pool in limits.items():
        if name == MAX_CONCURRENT:
            hint = f"set the plan's own `{MAX_CONCURRENT}` instead"
            yield Problem(("limits", name), f"limit `{name}` has the name of the run's own pool", hint)
        if pool.size < 1:
            yield Problem(("limits", name), f"limit `{name}` is {pool.size}; expected 1 or more")


def _duplicates(tasks: Iterable[Task]) -> Iterator[Problem]:
    seen: set[str] = set()
    for task in tasks:
        if task.id in seen:
            hint = "give each task a name of its own"
            yield Problem(("tasks", _entry(task)), f"there are two tasks `{task.id}`", hint)
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
                    hints[name] = _did_you_mean(name, names) if len(hints) < MOST_HINTS else None
                yield Problem(
                    ("tasks", _entry(task), "needs", number),
                    f"task `{_entry(task)}` needs `{name}`, which is not in the plan",
                    hints[name],
                )


def _demands(task: Task, limits: Mapping[str, Limit]) -> Iterator[Problem]:
    for name, units in task.limits.items():
        path = ("tasks", _entry(task), "limits", name)
        who = f"task `{_entry(task)}`"
        if name != MAX_CONCURRENT and name not in limits:
            hint = _did_you_mean(name, (*limits, MAX_CONCURRENT)) or "declare it under `limits:`"
            yield Problem(path, f"{who} uses limit `{name}`, which is not in the plan", hint)
        elif units < 1:
            yield Problem(path, f"{who} takes {units} of `{name}`; expected 1 or more")
        elif name != MAX_CONCURRENT and units > limits[name].size:
            message = f"{who} takes {units} of `{name}`, which holds {limits[name].size}"
            yield Problem(path, message, "it could never start: take less, or enlarge the limit")


def _durations(tasks: Iterable[Task]) -> Iterator[Problem]:
    for task in tasks:
        if task.duration_s is not None and not 0 <= task.duration_s < inf:
            message = f"task `{_entry(task)}` has the duration {task.duration_s}; expected seconds, 0 or more"
            yield Problem(("tasks", _entry(task), "duration"), message)


def _groups(plan: Plan) -> Iterator[Problem]:
    for task in plan.tasks:
        if task.group is not None and task.group not in plan.groups:
            hint = _did_you_mean(task.group, plan.groups) or "declare it under `groups:`"
            message = f"task `{_entry(task)}` is in group `{task.group}`, which is not in the plan"
            yield Problem(("tasks", _entry(task), "group"), message, hint)


def _aggregates(plan: Plan, names: Names) -> Iterator[Problem]:
    for title, aggregate in plan.aggregates.items():
        for number, name in enumerate(aggregate.source):
            path = ("aggregates", title, "from", number)
            if not names.knows(name):
                message = f"aggregate `{title}` is made from `{name}`, which is not in the plan"
                yield Problem(path, message, _did_you_mean(name, names))
            elif not any(has_result(plan.tasks[position].work) for position in names.positions([name])):
                message = f"aggregate `{title}` is made from `{name}`, which has no result"
                yield Problem(path, message, f"give `{name}` a `result:`, such as json")
        if not 0 <= aggregate.threshold <= 1:
            message = f"aggregate `{title}` has the threshold {aggregate.threshold}; expected 0 to 1"
            yield Problem(("aggregates", title, "threshold"), message, "1 stands for 100%")


def _cycle(tasks: tuple[Task, ...], wiring: Wiring) -> Iterator[Problem]:
    if len(wiring.order) == len(tasks):
        return
    left = sorted(set(range(len(tasks))).difference(wiring.order))
    cycle = cycle_among(left, wiring.before)
    first = tasks[cycle[0]]
    path = ("tasks", _entry(first), "needs")
    if len(cycle) == 1:
        yield Problem(path, f"task `{first.id}` needs itself")
        return
    steps = [
        _reason(wiring, before, after) for before, after in zip(cycle, [*cycle[1:], cycle[0]], strict=True)
    ]
    chain = " -> ".join(f"`{tasks[position].id}`" for position in (*cycle, cycle[0]))
    if all(isinstance(because, Needs) for because in steps):
        message = f"these tasks wait for each other: {chain} (each must end before the next)"
        yield Problem(path, message, "take one of these `needs` away")
        return
    afters = [*cycle[1:], cycle[0]]
    told = [f"`{tasks[after].id}` waits: {sentence(why)}" for after, why in zip(afters, steps, strict=True)]
    message = f"these tasks wait for each other: {chain}\n  " + "\n  ".join(told)
    yield Problem(path, message, "take one of these `needs` away, or a task out of its atomic group")


def _reason(wiring: Wiring, before: int, after: int) -> EdgeReason:
    """Return why ``after`` comes after ``before``: a need, if there is one."""
    reasons = [edge.because for edge in wiring.edges[after] if edge.before == before]
    return next((because for because in reasons if isinstance(because, Needs)), reasons[0])
