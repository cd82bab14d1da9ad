"""Why a task comes after another, why it waits, and what would let both run at once."""

from __future__ import annotations

from typing import assert_never

from weft.model.amount import amount
from weft.model.limits import MAX_CONCURRENT
from weft.model.reason import (
    AsksOthers,
    BackingOff,
    BringsBack,
    CircuitOpen,
    CircuitProbing,
    DependencyPending,
    EdgeReason,
    JobsLentOut,
    LockHeld,
    MergePending,
    Needs,
    NeedsGroup,
    NotDeclared,
    PairReason,
    PoolFull,
    PoolReserved,
    PoolTooSmall,
    RateDue,
    RateTooSmall,
    ReadAfterWrite,
    SameLock,
    TakenElsewhere,
    Through,
    Transaction,
    WaitReason,
    WriteAfterRead,
    WriteAfterWrite,
)
from weft.model.sentences.listing import listed
from weft.model.unlock import (
    Declare,
    DropNeed,
    LargerLimit,
    LargerRate,
    LeaveGroup,
    NarrowerPattern,
    PrivateWorkspace,
    ShareLock,
    Unlock,
)


def why_not_beside(reason: EdgeReason | PairReason) -> str:
    """Return why a task comes after another, or does not run beside it."""
    match reason:
        case Needs(task):
            return f"it needs `{task}`"
        case ReadAfterWrite(writer, _, path):
            return f"it reads `{path}`, which `{writer}` writes"
        case WriteAfterRead(reader, _, path):
            return f"it writes `{path}`, which `{reader}` reads before"
        case WriteAfterWrite(first, _, path):
            return f"it writes `{path}`, which `{first}` writes before"
        case NeedsGroup(group, member):
            return f"it needs the group `{group}`, to which `{member}` belongs"
        case Transaction(group):
            return f"what conflicts with a member of the atomic group `{group}` conflicts with all of it"
        case NotDeclared(task):
            return f"`{task}` declares neither `reads` nor `writes`"
        case BringsBack(task):
            return f"it brings back what was made, when `{task}` has ended"
        case Through(tasks):
            return f"it comes after {listed(tasks)}"
        case PoolTooSmall(pool, size, asked):
            return f"pool `{pool}` holds {amount(size)} and the two together take {amount(asked)}"
        case RateTooSmall(rate, limit, asked):
            return f"rate `{rate}` lets {limit} start in one span, and the two together cost {asked}"
        case SameLock(lock):
            return f"both take the lock `{lock}`, and not both of them shared"
        case _:
            assert_never(reason)


def why_it_waits(reason: WaitReason) -> str:
    """Return why a task that is ready has not started."""
    match reason:
        case DependencyPending(task):
            return f"`{task}` has not ended"
        case PoolFull(pool, 0, 1) if pool == MAX_CONCURRENT:
            return f"all slots of `{pool}` are taken"
        case PoolFull(pool, free, asked):
            return f"pool `{pool}` has {amount(free)} free and the task takes {amount(asked)}"
        case PoolReserved(pool, by):
            return f"what is free in pool `{pool}` is kept for `{by}`, which comes first"
        case JobsLentOut(free, asked):
            return f"other processes share the jobs: {free} are free and the task takes {asked}"
        case LockHeld(lock, _, str(kept_for)):
            return f"lock `{lock}` is kept for `{kept_for}`, which comes first"
        case LockHeld(lock, holders):
            return (
                f"lock `{lock}` is held by {listed(holders) if holders else 'a task that is about to start'}"
            )
        case RateDue(rate, cost, _):
            return f"rate `{rate}` has no room yet for the {cost:g} that the task takes"
        case AsksOthers(shares):
            return f"it asks for {listed(shares)}, shared with other processes"
        case TakenElsewhere(share, holders):
            by = f": {', '.join(holders)}" if holders else ""
            return f"other processes have taken `{share}`{by}"
        case BackingOff(attempt, _):
            return f"attempt {attempt} is not due yet"
        case CircuitOpen(scope, rate, _):
            return f"the circuit of {scope} is open: {rate:.0%} of the attempts failed"
        case MergePending(task):
            return f"it is done, and what it made is brought back after `{task}` has ended"
        case CircuitProbing(scope):
            return f"the circuit of {scope} is open, and one attempt is on its way as a probe"
        case _:
            assert_never(reason)


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
            return f"let pool `{name}` hold {amount(size)}"
        case LargerRate(name, limit):
            return f"let rate `{name}` start {limit} in one span, if the other side allows it"
        case ShareLock(lock):
            return f"take the lock `{lock}` shared, where a task only looks"
        case Declare(task):
            return f"declare what `{task}` reads and writes, even if it is nothing"
        case _:
            assert_never(unlock)
