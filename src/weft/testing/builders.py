"""Short words for plans, tasks and outcomes, so that a test reads as a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from weft.errors import RateLimited
from weft.model.access import Undeclared, declared
from weft.model.group import Group
from weft.model.limits import Limit, Pool
from weft.model.lock import Lock, Locks, holds
from weft.model.outcome import Cancelled, Failed, Succeeded
from weft.model.plan import Plan
from weft.model.policy import Policy
from weft.model.priority import NORMAL, Priority
from weft.model.rate import Cost
from weft.model.reason import CancelAsked, CancelReason, Exited, FailureReason, Raised
from weft.model.retry import Retry
from weft.model.speculation import Effects
from weft.model.task import Task
from weft.model.timeout import Timeout
from weft.model.work import Command, ResultFormat, Work
from weft.model.workspace import Merge, MergeAt, MergePolicy, Workspace, WorkspaceKind

NOTHING = Command(("true",), result=ResultFormat.TEXT)


def task(
    id: str,  # the word that users write
    *,
    needs: Iterable[str] = (),
    limits: Mapping[str, Cost] | None = None,
    priority: Priority = NORMAL,
    duration_s: float | None = None,
    family: str | None = None,
    work: Work = NOTHING,
    reads: Iterable[str] | None = None,
    writes: Iterable[str] | None = None,
    group: str | None = None,
    retry: Retry | None = None,
    timeout: Timeout | None = None,
    locks: Locks | None = None,
    speculative: bool = False,
    effects: Effects | None = None,
    workspace: Workspace | WorkspaceKind | None = None,
    merge: Merge | MergeAt | MergePolicy | None = None,
) -> Task:
    """Return a task; what it does matters only where it really runs. A string of accesses is one of them.

    One that is ``speculative`` is pure, if nothing else is said.

    >>> task("b", needs=["a"]).needs
    ('a',)
    """
    accesses = declared(reads, writes)
    presumed = Effects.PURE if speculative else Effects.UNKNOWN
    return Task(
        id,
        work,
        tuple(needs),
        dict(limits or {}),
        priority,
        duration_s,
        family,
        accesses,
        group,
        retry,
        timeout,
        holds(locks),
        speculative,
        presumed if effects is None else effects,
        Workspace(workspace) if isinstance(workspace, WorkspaceKind) else workspace,
        _merge(merge),
    )


def _merge(merge: Merge | MergeAt | MergePolicy | None) -> Merge | None:
    if isinstance(merge, MergeAt):
        return Merge(at=merge)
    return Merge(merge) if isinstance(merge, MergePolicy) else merge


def plan(
    *tasks: Task,
    limits: Mapping[str, int | Limit] | None = None,
    max_concurrent: int | None = None,
    atomic: Iterable[str] = (),
    strict: bool = False,
    groups: Mapping[str, Group] | None = None,
    policy: Policy | None = None,
    locks: Iterable[str] = (),
) -> Plan:
    """Return a plan of ``tasks`` in this order.

    ``limits`` are its limits, or the sizes of pools; ``atomic`` are the names of its atomic groups. A
    ``strict`` plan keeps tasks that declare no accesses apart from all others. ``locks`` are shared with
    other processes.

    >>> plan(task("a"), limits={"gpu": 2}).limits["gpu"] == Pool(2)
    True
    """
    pools = {name: Pool(pool) if isinstance(pool, int) else pool for name, pool in (limits or {}).items()}
    return Plan(
        tasks,
        pools,
        max_concurrent=max_concurrent,
        groups={**{name: Group(atomic=True) for name in atomic}, **(groups or {})},
        undeclared=Undeclared.SEQUENTIAL if strict else Undeclared.PARALLEL,
        policy=policy or Policy(),
        locks={name: Lock() for name in locks},
    )


def succeeded(value: Any = None) -> Succeeded:
    """Return the outcome of work that was done."""
    return Succeeded(value)


def failed(because: FailureReason | None = None, *, retry_after_s: float | None = None) -> Failed:
    """Return the outcome of work that failed; with exit code 1, if nothing else is said.

    >>> failed().because
    Exited(code=1)
    """
    return Failed(Exited(1) if because is None else because, retry_after_s=retry_after_s)


def refused(retry_after_s: float | None = None) -> Failed:
    """Return the outcome of work that the other side of a rate has refused, and when it may come back.

    >>> refused(2.0).retry_after_s
    2.0
    """
    error = RateLimited(retry_after=retry_after_s)
    return Failed(Raised("RateLimited", str(error)), error, retry_after_s)


def cancelled(because: CancelReason | None = None) -> Cancelled:
    """Return the outcome of work that was stopped; because the user asked, if nothing else is said."""
    return Cancelled(CancelAsked() if because is None else because)
