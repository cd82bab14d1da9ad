"""A plan written in Python, task by task, in program order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Unpack, overload

from weft.api.aggregates import aggregates_of
from weft.errors import PlanError, UsageError
from weft.model.access import Undeclared
from weft.model.aggregate import Aggregate
from weft.model.cache import CACHE_BYTES
from weft.model.group import Group, group_of
from weft.model.limits import Limit
from weft.model.lock import Lock
from weft.model.plan import Plan as FrozenPlan
from weft.model.policy import Policy
from weft.model.task import Task
from weft.model.work import Command, ResultOf
from weft.model.workspace import Merged, Placed, merge_of, workspace_of
from weft.planning.check import shared_problems
from weft.planning.patterns import Ground
from weft.planning.prepare import PreparedPlan, prepare
from weft.runtime.engine import MAX_CONCURRENT_DEFAULT
from weft.runtime.links import ground_of
from weft.runtime.options import TaskOptions, taking_options, task_of
from weft.runtime.references import Reference, references_of
from weft.runtime.work import name_of, work_of
from weft.views.explanation import Explanation
from weft.views.recommendations import Recommendations, recommendations

F = TypeVar("F", bound=Callable[..., Any])
Named = str | ResultOf | Callable[..., Any]

_DEFAULT = Policy()


class Plan:
    """An ordered list of tasks, and what they share.

    Args:
        max_concurrent: how many tasks may run at once; by default the run decides.
        limits: pools and rates that tasks share, by name.
        root: the directory that commands run in, and that holds `.weft`.
        groups: groups of tasks by name, such as ``{"swap": Group(atomic=True)}``.
        undeclared: whether tasks that declare no accesses run beside all others, or in their place.
        policy: what is done when things go wrong.
        locks: those that are shared with other processes, by name; others need not be declared.
        workspace: where tasks work that have no workspace of their own, and whose groups have none.
        merge: how their work is brought back.
        cache_bytes: how large the cache may be when a run has ended; what was used longest ago goes first.
        aggregates: what is made of the results of several tasks, by name, such as
            ``{"colour": weft.aggregate.Aggregate(("jury",), weft.aggregate.Majority())}``.

    Raises:
        UsageError: one of these is not what it should be.

    >>> plan = Plan(max_concurrent=2)
    >>> numbers = plan.add(range, 5)
    >>> total = plan.add(sum, numbers)  # what `add` returns stands for the result of that task
    >>> [task.id for task in plan.frozen().tasks]
    ['range', 'sum']
    """

    def __init__(
        self,
        *,
        max_concurrent: int | None = None,
        limits: Mapping[str, Limit] | None = None,
        root: str | Path = ".",
        groups: Mapping[str, Group] | None = None,
        undeclared: Undeclared | Literal["parallel", "sequential"] = Undeclared.PARALLEL,
        policy: Policy = _DEFAULT,
        locks: Mapping[str, Lock] | None = None,
        workspace: Placed | None = None,
        merge: Merged | None = None,
        cache_bytes: int = CACHE_BYTES,
        aggregates: Mapping[str, Aggregate] | None = None,
    ) -> None:
        self._max_concurrent = max_concurrent
        self._limits = dict(limits or {})
        self._root = str(root)
        self._groups = {name: group_of(group) for name, group in (groups or {}).items()}
        self._undeclared = Undeclared(undeclared)
        self._policy = policy
        self._locks = dict(locks or {})
        self._workspace = workspace_of(workspace)
        self._merge = merge_of(merge)
        self._cache_bytes = cache_bytes
        self._aggregates = aggregates_of(aggregates)
        self._tasks: dict[str, Task] = {}
        self._results: dict[str, ResultOf] = {}
        self._ids_of_functions: dict[Callable[..., Any], str] = {}

    @taking_options
    def add(
        self,
        work: Callable[..., Any] | Command,
        /,
        *args: Any,
        id: str | None = None,
        needs: Iterable[Named] = (),
        **options: Unpack[TaskOptions],
    ) -> ResultOf:
        """Add a task at the end of the plan.

        Args:
            work: a function, sync or async, or a `Command`.
            args: its arguments. What another `add` returned, be it in a list, tuple or dictionary,
                stands for the result of that task and is a dependency. `functools.partial` holds
                keyword arguments.
            id: the task's name; by default that of the function, with a number when it is taken.
            needs: tasks that must succeed before: ids, what `add` returned, or decorated functions. The
                name of a group stands for all its tasks: they must end, and the group must be met.
            options: see `TaskOptions`.

        Raises:
            UsageError: there is a task of this id already, or the work can't be done like this.
            TypeError: a task has no such option.
        """
        described = work_of(work, args, options.get("where"))
        task_id = self._free_id(name_of(work)) if id is None else id
        if task_id in self._tasks:
            raise UsageError(f"there is a task `{task_id}` in this plan already")
        if isinstance(needs, str):
            raise UsageError(f'`needs` is a list of tasks: write `needs=["{needs}"]`')
        given = [self._id_of(needed) for needed in needs]
        taken = [self._id_of(reference) for reference in references_of(described)]
        needed_ids = dict.fromkeys([*given, *taken])
        self._tasks[task_id] = task_of(task_id, described, needed_ids, options)
        result = self._results[task_id] = ResultOf(task_id)
        return result

    @overload
    def task(self, function: F, /) -> F: ...

    @overload
    def task(
        self, *, id: str | None = None, needs: Iterable[Named] = (), **options: Unpack[TaskOptions]
    ) -> Callable[[F], F]: ...

    @taking_options  # type: ignore[misc]  # mypy does not hold `Any` against each of the unpacked options
    def task(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        id: str | None = None,
        needs: Iterable[Named] = (),
        **options: Any,
    ) -> Callable[..., Any]:
        """Add the decorated function as a task without arguments; the options are those of `add`.

        >>> plan = Plan()
        >>> @plan.task
        ... def fetch(): ...
        >>> @plan.task(needs=[fetch])
        ... def index(): ...
        >>> plan.frozen().tasks[1].needs
        ('fetch',)
        """

        def decorate(function: F) -> F:
            added = self.add(function, id=id, needs=needs, **options)
            self._ids_of_functions[function] = added.task
            return function

        return decorate if function is None else decorate(function)

    def frozen(self) -> FrozenPlan:
        """Return the plan as it stands now, as a value."""
        return FrozenPlan(
            tuple(self._tasks.values()),
            dict(self._limits),
            dict(self._aggregates),
            self._max_concurrent,
            self._root,
            dict(self._groups),
            self._undeclared,
            self._policy,
            self._locks,
            self._workspace,
            self._merge,
            self._cache_bytes,
        )

    def explain(self, *, max_concurrent: int | None = None) -> Explanation:
        """Tell what may run in parallel, what may not, and why, before anything runs.

        Args:
            max_concurrent: how many tasks may run at once; by default what the plan says, else 5.

        Raises:
            PlanError: the plan can't run, or not so many tasks at once.

        >>> plan = Plan()
        >>> raw = plan.add(range, 5, id="raw", writes=["raw.json"])
        >>> total = plan.add(sum, raw, id="total", reads=["raw.json"])
        >>> told = plan.explain()
        >>> told.summary.critical_path
        ('raw', 'total')
        >>> print(told.between("raw", "total"))
        raw and total: SEQUENTIAL
        <BLANKLINE>
        `total` starts when `raw` has ended, for 2 reasons:
          - it needs `raw`
              unlock: take `raw` out of what `total` needs, if it can do without
          - it reads `raw.json`, which `raw` writes
        """
        return Explanation(*self._looked_at(max_concurrent))

    def recommend(self, *, max_concurrent: int | None = None) -> Recommendations:
        """Tell which patterns fit this plan, and why; the patches are those of a plan file.

        Args:
            max_concurrent: how many tasks would run at once; by default what the plan says, else 5.

        Raises:
            PlanError: the plan can't run, or not so many tasks at once.

        >>> plan = Plan()
        >>> for name in ("a.json", "b.json"):
        ...     task = plan.add(Command(f"curl -fsS https://example.test/{name} -o {name}"), id=name)
        >>> told = plan.recommend()
        >>> [each.scenario.value for each in told.recommended]
        ['independent', 'api', 'transient']
        >>> told.recommended[2].patch["tasks"]["a.json"]
        {'retry': {'max_attempts': 3}}
        """
        return recommendations(*self._looked_at(max_concurrent))

    def _looked_at(self, max_concurrent: int | None) -> tuple[PreparedPlan, int, Ground]:
        """Return the plan, how many of its tasks would run at once, and where it lies."""
        plan = self.frozen()
        ground = ground_of(Path(plan.root))
        at_once = plan.max_concurrent or MAX_CONCURRENT_DEFAULT if max_concurrent is None else max_concurrent
        found = shared_problems(at_once)
        if found:
            raise PlanError(found)
        return prepare(plan, ground), at_once, ground

    def _free_id(self, name: str) -> str:
        number, free = 1, name
        while free in self._tasks:
            number += 1
            free = f"{name}[{number}]"
        return free

    def _id_of(self, needed: Named | Reference) -> str:
        if isinstance(needed, str):
            return needed
        if isinstance(needed, ResultOf):
            if self._results.get(needed.task) is not needed:  # here that name may be of another task
                raise UsageError(f"the result of `{needed.task}` belongs to another plan")
            return needed.task
        if callable(needed) and needed in self._ids_of_functions:
            return self._ids_of_functions[needed]
        raise UsageError(f"{needed!r} is no task of this plan")
