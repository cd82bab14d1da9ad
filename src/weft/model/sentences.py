"""The sentences of Reasons, Outcomes and Unlocks: made here and nowhere else."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from typing import assert_never

from weft.model.outcome import Cancelled, Failed, Outcome, Skipped, Succeeded
from weft.model.reason import (
    BadResult,
    CancelAsked,
    CouldNotStart,
    DependencyCancelled,
    DependencyFailed,
    DependencyPending,
    Exited,
    Interrupted,
    Killed,
    Needs,
    NotDeclared,
    PoolFull,
    PoolReserved,
    PoolTooSmall,
    Raised,
    ReadAfterWrite,
    Reason,
    Through,
    Transaction,
    WriteAfterRead,
    WriteAfterWrite,
)
from weft.model.unlock import (
    Declare,
    DropNeed,
    LargerLimit,
    LeaveGroup,
    NarrowerPattern,
    PrivateWorkspace,
    Unlock,
)


def sentence(reason: Reason) -> str:
    """Return ``reason`` in words that follow "it waits because", "it failed because" and the like.

    >>> sentence(PoolFull("gpu", free=0, asked=1))
    'pool `gpu` has 0 free and the task takes 1'
    """
    match reason:
        case Needs(task):
            return f"it needs `{task}`"
        case ReadAfterWrite(writer, _, path):
            return f"it reads `{path}`, which `{writer}` writes"
        case WriteAfterRead(reader, _, path):
            return f"it writes `{path}`, which `{reader}` reads before"
        case WriteAfterWrite(first, _, path):
            return f"it writes `{path}`, which `{first}` writes before"
        case Transaction(group):
            return f"what conflicts with a member of the atomic group `{group}` conflicts with all of it"
        case NotDeclared(task):
            return f"`{task}` declares neither `reads` nor `writes`"
        case Through(tasks):
            return f"it comes after {_listed(tasks)}"
        case PoolTooSmall(pool, size, asked):
            return f"pool `{pool}` holds {size} and the two together take {asked}"
        case DependencyPending(task):
            return f"`{task}` has not ended"
        case PoolFull(pool, free, asked):
            return f"pool `{pool}` has {free} free and the task takes {asked}"
        case PoolReserved(pool, by):
            return f"what is free in pool `{pool}` is kept for `{by}`, which comes first"
        case Raised(error, message):
            return f"{error}: {message}" if message else error
        case Exited(code):
            return f"exit code {code}"
        case Killed(number):
            return f"killed by {_signal(number)}"
        case CouldNotStart(message) | BadResult(message):
            return message
        case DependencyFailed(task):
            return f"`{task}` failed"
        case DependencyCancelled(task):
            return f"`{task}` was cancelled"
        case CancelAsked():
            return "the user took it back"
        case Interrupted(number):
            return f"the run was interrupted by {_signal(number)}" if number else "the run was interrupted"
        case _:
            assert_never(reason)


def outcome_sentence(outcome: Outcome) -> str:
    """Return ``outcome`` in words that follow the name of a task.

    >>> outcome_sentence(Skipped(DependencyFailed("build")))
    'was skipped: `build` failed'
    """
    match outcome:
        case Succeeded():
            return "succeeded"
        case Failed(because):
            return f"failed: {sentence(because)}"
        case Cancelled(because):
            return f"was cancelled: {sentence(because)}"
        case Skipped(because):
            return f"was skipped: {sentence(because)}"
        case _:
            assert_never(outcome)


def unlock_sentence(unlock: Unlock) -> str:
    """Return ``unlock`` in words that tell the user what to do.

    >>> unlock_sentence(LargerLimit("gpu", 2))
    'let pool `gpu` hold 2'
    """
    match unlock:
        case DropNeed(task, needed):
            return f"take `{needed}` out of what `{task}` needs, if it can do without"
        case NarrowerPattern(task, pattern):
            return f"let `{task}` declare less than `{pattern}`, if it touches less"
        case PrivateWorkspace(task):
            return f"give `{task}` a workspace of its own"
        case LeaveGroup(task, group):
            return f"take `{task}` out of the atomic group `{group}`"
        case LargerLimit(name, size):
            return f"let pool `{name}` hold {size}"
        case Declare(task):
            return f"declare what `{task}` reads and writes, even if it is nothing"
        case _:
            assert_never(unlock)


def _listed(tasks: Sequence[str]) -> str:
    *others, last = [f"`{task}`" for task in tasks]
    if len(others) > 3:
        return f"{others[0]}, {others[1]} and {len(others) - 1} more"
    return f"{', '.join(others)} and {last}" if others else last


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
