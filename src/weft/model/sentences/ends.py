"""Why a task has not come to a good end."""

from __future__ import annotations

from typing import assert_never

from weft.model.reason import (
    AttemptsUsedUp,
    BadResult,
    CancelAsked,
    CancelReason,
    CouldNotStart,
    CriticalFailed,
    Decided,
    DependencyCancelled,
    DependencyFailed,
    Exited,
    FailureReason,
    GroupLost,
    GroupMet,
    Interrupted,
    Killed,
    LastReason,
    MergeConflict,
    NotMerged,
    NotNeeded,
    NotRecorded,
    NotRetried,
    Preempted,
    Raised,
    ReadonlyChanged,
    RetryBudgetSpent,
    RunFailed,
    RunTimedOut,
    SetupFailed,
    SkipReason,
    TimeBudgetSpent,
    TimedOut,
    Unhealthy,
    WroteUndeclared,
)
from weft.model.sentences.listing import listed
from weft.model.signals import signal_name


def why_it_failed(reason: FailureReason) -> str:
    """Return why an attempt failed."""
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
            return f"it wrote {listed(paths)}, which its `writes` do not name"
        case MergeConflict(paths, workspace):
            told = f"others have changed {listed(paths)}, too"
            return f"{told}; its version is in `{workspace}` (`weft merge` settles it)"
        case NotMerged(message, workspace):
            return f"its work was not brought back: {message}; it is in `{workspace}`"
        case TimedOut(limit_s, whole):
            return f"it took longer than {limit_s:g} s" + (" in all its attempts" if whole else "")
        case _:
            assert_never(reason)


def why_it_was_the_last(reason: LastReason) -> str:
    """Return why a failed attempt is not followed by another."""
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


def why_not_to_its_end(reason: CancelReason | SkipReason) -> str:
    """Return why a task was stopped, or never begun."""
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
