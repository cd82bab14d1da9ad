"""The sentences of Reasons and Outcomes: made here and nowhere else."""

from __future__ import annotations

import signal
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
    PoolFull,
    PoolReserved,
    Raised,
    Reason,
)


def sentence(reason: Reason) -> str:
    """Return ``reason`` in words that follow "it waits because", "it failed because" and the like.

    >>> sentence(PoolFull("gpu", free=0, asked=1))
    'pool `gpu` has 0 free and the task takes 1'
    """
    match reason:
        case Needs(task):
            return f"it needs `{task}`"
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


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
