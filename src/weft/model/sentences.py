"""The sentences of Reasons, Outcomes and Unlocks: made here and nowhere else, save those of `miss`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from weft.model.amount import amount
from weft.model.limits import MAX_CONCURRENT
from weft.model.miss import cache_sentence
from weft.model.outcome import Cancelled, Failed, Outcome, Skipped, Succeeded
from weft.model.reason import (
    AgainReason,
    AsksOthers,
    AttemptsUsedUp,
    BackingOff,
    BadResult,
    BringsBack,
    CacheReason,
    CancelAsked,
    CancelReason,
    CircuitOpen,
    CircuitProbing,
    CouldNotStart,
    CriticalFailed,
    Decided,
    DependencyCancelled,
    DependencyFailed,
    DependencyPending,
    EdgeReason,
    Exited,
    FailedBefore,
    FailureReason,
    FollowsOther,
    GroupLost,
    GroupMet,
    Interrupted,
    JobsLentOut,
    Killed,
    LastReason,
    LockHeld,
    MergeConflict,
    MergePending,
    Needs,
    NeedsGroup,
    NeverFinished,
    NewTask,
    NotComparable,
    NotDeclared,
    NotMerged,
    NotNeeded,
    NotRecorded,
    NotRetried,
    PairReason,
    PoolFull,
    PoolReserved,
    PoolTooSmall,
    Preempted,
    Raised,
    RateDue,
    RateTooSmall,
    ReadAfterWrite,
    ReadonlyChanged,
    Reason,
    ResultNotKept,
    RetryBudgetSpent,
    RunFailed,
    RunTimedOut,
    SameLock,
    SetupFailed,
    SkipReason,
    TakenElsewhere,
    TaskChanged,
    Through,
    TimeBudgetSpent,
    TimedOut,
    Transaction,
    Unhealthy,
    WaitReason,
    WriteAfterRead,
    WriteAfterWrite,
    WrittenOver,
    WroteUndeclared,
)
from weft.model.signals import signal_name
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


def sentence(reason: Reason) -> str:
    """Return ``reason`` in words that follow "it waits because", "it failed because" and the like.

    >>> sentence(PoolFull("gpu", free=0, asked=1))
    'pool `gpu` has 0 free and the task takes 1'
    """
    if isinstance(reason, EdgeReason | PairReason):
        return _why_not_beside(reason)
    if isinstance(reason, WaitReason):
        return _why_it_waits(reason)
    if isinstance(reason, FailureReason):
        return _why_it_failed(reason)
    if isinstance(reason, LastReason):
        return _why_it_was_the_last(reason)
    if isinstance(reason, CancelReason | SkipReason):
        return _why_not_to_its_end(reason)
    if isinstance(reason, AgainReason):
        return _why_it_runs_again(reason)
    if isinstance(reason, CacheReason):
        return cache_sentence(reason)
    assert_never(reason)


def outcome_sentence(outcome: Outcome, attempts: int = 1) -> str:
    """Return ``outcome`` in words that follow the name of a task, which had so many ``attempts``.

    >>> outcome_sentence(Skipped(DependencyFailed("build")))
    'was skipped: `build` failed'
    >>> outcome_sentence(Failed(Exited(1)), attempts=3)
    'failed after 3 attempts: exit code 1'
    """
    after = f" after {attempts} attempts" if attempts > 1 else ""
    match outcome:
        case Succeeded():
            return f"succeeded{after}"
        case Failed(because):
            return f"failed{after}: {sentence(because)}"
        case Cancelled(because):
            return f"was cancelled{after}: {sentence(because)}"
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
            return f"let pool `{name}` hold {amount(size)}"
        case LargerRate(name, limit):
            return f"let rate `{name}` start {limit} in one span, if the other side allows it"
        case ShareLock(lock):
            return f"take the lock `{lock}` shared, where a task only looks"
        case Declare(task):
            return f"declare what `{task}` reads and writes, even if it is nothing"
        case _:
            assert_never(unlock)


def _why_not_beside(reason: EdgeReason | PairReason) -> str:
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
            return f"it comes after {_listed(tasks)}"
        case PoolTooSmall(pool, size, asked):
            return f"pool `{pool}` holds {amount(size)} and the two together take {amount(asked)}"
        case RateTooSmall(rate, limit, asked):
            return f"rate `{rate}` lets {limit} start in one span, and the two together cost {asked}"
        case SameLock(lock):
            return f"both take the lock `{lock}`, and not both of them shared"
        case _:
            assert_never(reason)


def _why_it_waits(reason: WaitReason) -> str:
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
                f"lock `{lock}` is held by {_listed(holders) if holders else 'a task that is about to start'}"
            )
        case RateDue(rate, cost, _):
            return f"rate `{rate}` has no room yet for the {cost:g} that the task takes"
        case AsksOthers(shares):
            return f"it asks for {_listed(shares)}, shared with other processes"
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


def _why_it_failed(reason: FailureReason) -> str:
    match reason:
        case Raised(error, message):
            return f"{error}: {message}" if message else error
        case Exited(code):
            return f"exit code {code}"
        case Killed(number):
            return f"killed by {signal_name(number)}"
        case CouldNotStart(message) | BadResult(message):
            return message
        case SetupFailed(message):
            return f"its set-up did not succeed: {message}"
        case ReadonlyChanged(path, how):
            return f"`{path}` is `readonly` and was {how}"
        case WroteUndeclared(paths):
            return f"it wrote {_listed(paths)}, which its `writes` do not name"
        case MergeConflict(paths, workspace):
            told = f"others have changed {_listed(paths)}, too"
            return f"{told}; its version is in `{workspace}` (`weft merge` settles it)"
        case NotMerged(message, workspace):
            return f"its work was not brought back: {message}; it is in `{workspace}`"
        case TimedOut(limit_s, whole):
            return f"it took longer than {limit_s:g} s" + (" in all its attempts" if whole else "")
        case _:
            assert_never(reason)


def _why_it_was_the_last(reason: LastReason) -> str:
    match reason:
        case AttemptsUsedUp(attempts):
            return f"all {attempts} attempts were made"
        case NotRetried():
            return "its `retry` does not try again after such a failure"
        case TimeBudgetSpent(budget_s):
            return f"the next attempt would begin more than {budget_s:g} s after the first"
        case RetryBudgetSpent(share):
            return f"more than {share:.0%} of the run's attempts would be retries"
        case _:
            assert_never(reason)


def _why_not_to_its_end(reason: CancelReason | SkipReason) -> str:
    match reason:
        case DependencyFailed(task):
            return f"`{task}` failed"
        case DependencyCancelled(task):
            return f"`{task}` was cancelled"
        case CancelAsked():
            return "the user took it back"
        case Interrupted(number):
            return "the run was interrupted" + (f" by {signal_name(number)}" if number else "")
        case GroupMet(group, succeeded, required):
            return f"the group `{group}` has what it requires: {succeeded} of {required}"
        case GroupLost(group, succeeded, required):
            return f"the group `{group}` can't succeed any more: {succeeded} of {required} required"
        case CriticalFailed(group):
            return f"the critical group `{group}` failed"
        case RunFailed(task):
            return f"`{task}` failed, and the run ends with the first failure"
        case Unhealthy(scope, rate):
            return f"{scope} is unhealthy: {rate:.0%} of the attempts failed"
        case Preempted():
            return "it ran on speculation, and its place was wanted"
        case NotNeeded():
            return "it was speculation, and nobody needs it"
        case Decided(aggregate, True, votes, voters):
            return f"aggregate `{aggregate}` is decided: {votes} of {voters} voters agree"
        case Decided(aggregate, _, votes, voters):
            return (
                f"aggregate `{aggregate}` can't come to a verdict any more: {votes} of {voters} voters agree"
            )
        case RunTimedOut(limit_s):
            return f"the run took longer than {limit_s:g} s"
        case NotRecorded(problem):
            return f"what happens can't be recorded any more: {problem}"
        case _:
            assert_never(reason)


def _why_it_runs_again(reason: AgainReason) -> str:
    match reason:
        case NewTask():
            return "the earlier run did not have it"
        case NeverFinished():
            return "it was not done"
        case FailedBefore(because):
            return f"it failed: {sentence(because)}"
        case ResultNotKept(kind):
            return f"its result is a {kind}, which the journal can't hold"
        case TaskChanged(parts):
            return f"it has changed: {', '.join(parts)}"
        case NotComparable(kind):
            return f"its arguments hold a {kind}, of which nobody can tell whether it is the same"
        case FollowsOther(task, because):
            return f"`{task}` runs again, and {sentence(because)}"
        case WrittenOver(reader, path):
            return f"`{reader}` needs `{path}`, which others have written over"
        case _:
            assert_never(reason)


def _listed(tasks: Sequence[str]) -> str:
    *others, last = [f"`{task}`" for task in tasks]
    if len(others) > 3:
        return f"{others[0]}, {others[1]} and {len(others) - 1} more"
    return f"{', '.join(others)} and {last}" if others else last
