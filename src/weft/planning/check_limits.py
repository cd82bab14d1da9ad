"""Does what tasks share make sense: pools, rates and locks, and what tasks take of them?

Knows names and numbers, and the keys under which they stand in a plan. How a rate is written is checked
where it is made; what health asks for is told by `check_policy`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from weft.errors import Problem
from weft.model.amount import amount
from weft.model.limits import MAX_CONCURRENT, Limit, Pool
from weft.model.rate import Cost, Rate, too_small_for
from weft.model.task import Task
from weft.planning import check_policy
from weft.planning.demand import label_of
from weft.planning.nearest import did_you_mean

_TOO_MUCH = "it could never start: take less, or enlarge the limit"
_NOT_LIKE_THIS = "a pool takes one number; costs by name are those of a rate"

_Path = tuple[str, ...]


def of_run(max_concurrent: int | None, limits: Mapping[str, Limit]) -> Iterator[Problem]:
    """Yield what is wrong with the limits of a run, whoever uses them."""
    if max_concurrent is not None and not _is_count(max_concurrent, 1):
        yield Problem((MAX_CONCURRENT,), f"`{MAX_CONCURRENT}` is {max_concurrent!r}; expected 1 or more")
    for name, limit in limits.items():
        path = ("limits", name)
        if name == MAX_CONCURRENT:
            hint = f"set the plan's own `{MAX_CONCURRENT}` instead"
            yield Problem(path, f"limit `{name}` has the name of the run's own pool", hint)
        given: object = limit
        if not isinstance(given, Pool | Rate):
            write = f"write `Pool({given})`" if _is_count(given, 1) else None
            yield Problem(path, f"limit `{name}` is {given!r}; expected a Pool or a Rate", write)
            continue
        if isinstance(limit, Pool) and not _is_count(limit.size, 1):
            yield Problem(path, f"limit `{name}` is {limit.size}; expected 1 or more")
        yield from check_policy.of_limit(name, limit)


def of_task(entry: str, task: Task, limits: Mapping[str, Limit]) -> Iterator[Problem]:
    """Yield what is wrong with what ``task``, which the plan calls ``entry``, takes of what is shared."""
    for name, cost in task.limits.items():
        yield from _taken(("tasks", entry, "limits", name), f"task `{entry}`", cost, limits)
    for lock in task.locks:
        named: object = lock
        if not isinstance(named, str) or not named:
            message = f"task `{entry}` holds the lock {named!r}; expected a name"
            yield Problem(("tasks", entry, "locks"), message)


def _taken(path: _Path, who: str, cost: Cost, limits: Mapping[str, Limit]) -> Iterator[Problem]:
    name = path[-1]
    limit = limits.get(name)
    if limit is None and name != MAX_CONCURRENT:
        hint = did_you_mean(name, (*limits, MAX_CONCURRENT)) or "declare it under `limits:`"
        yield Problem(path, f"{who} uses limit `{name}`, which is not in the plan", hint)
    elif isinstance(limit, Rate):
        yield from _cost(path, who, cost, limit)
    elif isinstance(cost, Mapping):
        yield Problem(path, f"{who} takes several costs of `{name}`, which is a pool", _NOT_LIKE_THIS)
    elif not _is_count(cost, 1):
        yield Problem(path, f"{who} takes {cost} of `{name}`; expected 1 or more")
    elif isinstance(limit, Pool) and cost > limit.size:
        message = f"{who} takes {amount(cost)} of `{name}`, which holds {amount(limit.size)}"
        yield Problem(path, message, _TOO_MUCH)


def _cost(path: _Path, who: str, cost: Cost, rate: Rate) -> Iterator[Problem]:
    """Yield what is wrong with what a task costs of ``rate``, by the names of the costs."""
    name, known = path[-1], tuple(dict.fromkeys(window.cost for window in rate.windows))
    by_name = cost if isinstance(cost, Mapping) else {known[0]: cost}

    def problem(of: str, message: str, hint: str | None = None) -> Problem:
        return Problem((*path, of) if isinstance(cost, Mapping) and of in cost else path, message, hint)

    wrong = []
    for of, units in by_name.items():
        if of not in known:
            hint = did_you_mean(of, known) or _costs_hint(known)
            wrong.append(problem(of, f"{who} costs `{of}` of `{name}`, which has no such cost", hint))
        elif not _is_count(units, 0):
            wrong.append(problem(of, f"{who} costs {units} of `{label_of(name, of)}`; expected 0 or more"))
    yield from wrong
    window = None if wrong else too_small_for(rate, cost)
    if window is not None:
        of, span = window.cost, f"in {window.per_s:g} s" if window.burst is None else "at one moment"
        costs = f"{who} costs {by_name.get(of, 1)} of `{label_of(name, of)}`"
        yield problem(of, f"{costs}, which lets {window.largest} start {span}", _TOO_MUCH)


def _costs_hint(known: tuple[str, ...]) -> str:
    if known == ("",):
        return "it has one cost without a name: write a number"
    return f"its costs are {' and '.join(f'`{name}`' for name in known)}"


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
