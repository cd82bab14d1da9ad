"""The options of a task, wherever one is handed in: to a plan, by its decorator, to an engine.

A new option is a row here, and its part in `task_of`. What it means is the matter of the value that is made
of it; what a task needs and what it is called is said in other words in each of these places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter, cleandoc, signature
from typing import Any, TypedDict, TypeVar

from weft.model.access import declared
from weft.model.cache import Cached, cache_of
from weft.model.lock import Locks, holds
from weft.model.nothing import NOTHING
from weft.model.priority import NORMAL, Urgency, priority_of
from weft.model.rate import Cost
from weft.model.retry import Retry
from weft.model.speculation import Declared, Effects, effects_of
from weft.model.task import Task
from weft.model.timeout import timeout_of
from weft.model.work import Work
from weft.model.workspace import Merged, Placed, merge_of, workspace_of
from weft.planning.nearest import did_you_mean
from weft.runtime.work import Place

F = TypeVar("F", bound=Callable[..., Any])


class TaskOptions(TypedDict, total=False):
    """What may be said of a task besides its work, its id and what it needs.

    Args:
        limits: units that the task takes of the pools of its plan or engine while it runs, and what its
            start costs of a rate: a number, or a mapping of the rate's costs to numbers.
        priority: HIGH, NORMAL or LOW, or "high", "normal" or "low".
        duration_s: how long it is expected to take, in seconds; shapes the order of starts.
        reads: what it reads: paths, directories, globs, resources such as ``db:orders``.
        writes: what it writes. It waits for earlier tasks that touch the same, one of them writing.
        group: the group, of its plan or engine, that it belongs to.
        retry: how it is tried again when it fails; by default it is not.
        timeout_s: how long an attempt may take, in seconds.
        task_timeout_s: how long all attempts and the waits between them may take, in seconds.
        locks: names of locks that it holds while it runs, or a mapping of them to "exclusive" or
            "shared".
        speculative: it runs only where nothing else can, and makes room when something else can.
        effects: "pure" if it leaves nothing but its result, "idempotent" if twice is as good as once.
        workspace: where it works: "shared", "directory", "copy" or a `Workspace`; by default where its
            group does, else where the plan or engine says.
        merge: how what it makes in a workspace of its own is brought back: "fail", "keep-both", "first",
            "last", "three-way", "union" or a `Merge`; by default likewise.
        cache: whether it need not run while its last result holds: true, or a `weft.policy.Cache` that
            says what that depends on. A function's code and arguments always count.
        where: for a function: in the event "loop", a "thread" or a worker "process". By default a
            coroutine function runs in the loop, any other in a thread.
    """

    limits: Mapping[str, Cost] | None
    priority: Urgency
    duration_s: float | None
    reads: Iterable[str] | None
    writes: Iterable[str] | None
    group: str | None
    retry: Retry | None
    timeout_s: float | None
    task_timeout_s: float | None
    locks: Locks | None
    speculative: bool
    effects: Declared
    workspace: Placed | None
    merge: Merged | None
    cache: Cached | None
    where: Place | None


_TYPES: Mapping[str, Any] = TaskOptions.__annotations__  # each as it is written above
_MEANINGS = cleandoc(TaskOptions.__doc__ or "").partition("Args:\n")[2]
_PLACE = "    options: see `TaskOptions`."


def taking_options(function: F) -> F:
    """Let `help`, and completion that goes by signatures, tell each option that ``function`` takes.

    Type checkers know them by `Unpack`. In its docstring they come where that says "options: see …".
    """
    told = signature(function)
    *others, _ = told.parameters.values()
    options = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=..., annotation=written.__forward_arg__)
        for name, written in _TYPES.items()
    ]
    function.__dict__["__signature__"] = told.replace(parameters=[*others, *options])
    function.__doc__ = cleandoc(function.__doc__ or "").replace(_PLACE, _MEANINGS)
    return function


def task_of(id: str, work: Work, needs: Iterable[str], options: TaskOptions) -> Task:
    """Return the task that a caller describes; where its work is called is known to that already.

    Raises:
        TypeError: there is no such option.
        UsageError: what it is given has no meaning.

    >>> from weft.model.work import Command
    >>> task_of("a", Command("true"), (), {"priority": "high"}).priority
    <Priority.HIGH: 3>
    """
    for name in options:
        if name not in _TYPES:
            hint = did_you_mean(name, _TYPES)
            raise TypeError(f"a task has no option `{name}`" + (f"\n  hint: {hint}" if hint else ""))
    limits = options.get("limits")
    return Task(
        id,
        work,
        tuple(needs),
        dict(limits) if limits else NOTHING,
        priority_of(options.get("priority", NORMAL)),
        options.get("duration_s"),
        accesses=declared(options.get("reads"), options.get("writes")),
        group=options.get("group"),
        retry=options.get("retry"),
        timeout=timeout_of(options.get("timeout_s"), options.get("task_timeout_s")),
        locks=holds(options.get("locks")),
        speculative=options.get("speculative", False),
        effects=effects_of(options.get("effects", Effects.UNKNOWN)),
        workspace=workspace_of(options.get("workspace")),
        merge=merge_of(options.get("merge")),
        cache=cache_of(options.get("cache")),
    )
