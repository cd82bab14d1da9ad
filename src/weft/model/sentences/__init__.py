"""The sentences of Reasons, Outcomes, Unlocks and Refusals: made in this package and nowhere else.

Each theme has a file; whoever has a Reason asks `sentence`. Who removes folders takes `refusals` as well.
"""

from __future__ import annotations

from typing import assert_never

from weft.model.outcome import Cancelled, Failed, Outcome, Skipped, Succeeded
from weft.model.reason import (
    AgainReason,
    CacheReason,
    CancelReason,
    EdgeReason,
    FailureReason,
    LastReason,
    PairReason,
    Reason,
    SkipReason,
    WaitReason,
)
from weft.model.sentences.again import why_it_runs_again, why_not_cached
from weft.model.sentences.ends import why_it_failed, why_it_was_the_last, why_not_to_its_end
from weft.model.sentences.order import unlock_sentence as unlock_sentence
from weft.model.sentences.order import why_it_waits, why_not_beside


def sentence(reason: Reason) -> str:
    """Return ``reason`` in words that follow "it waits because", "it failed because" and the like.

    >>> from weft.model.reason import PoolFull
    >>> sentence(PoolFull("gpu", free=0, asked=1))
    'pool `gpu` has 0 free and the task takes 1'
    """
    if isinstance(reason, EdgeReason | PairReason):
        return why_not_beside(reason)
    if isinstance(reason, WaitReason):
        return why_it_waits(reason)
    if isinstance(reason, FailureReason):
        return why_it_failed(reason)
    if isinstance(reason, LastReason):
        return why_it_was_the_last(reason)
    if isinstance(reason, CancelReason | SkipReason):
        return why_not_to_its_end(reason)
    if isinstance(reason, AgainReason):
        return why_it_runs_again(reason)
    if isinstance(reason, CacheReason):
        return why_not_cached(reason)
    assert_never(reason)


def outcome_sentence(outcome: Outcome, attempts: int = 1) -> str:
    """Return ``outcome`` in words that follow the name of a task, which had so many ``attempts``.

    >>> from weft.model.reason import DependencyFailed, Exited
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
