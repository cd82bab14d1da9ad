from __future__ import annotations

import signal
from typing import Any, get_args

import msgspec
import pytest

from weft.model.outcome import Outcome, Skipped
from weft.model.reason import (
    DependencyCancelled,
    DependencyFailed,
    DependencyPending,
    Exited,
    Interrupted,
    Killed,
    PoolFull,
    PoolReserved,
    Raised,
    Reason,
)
from weft.model.sentences import outcome_sentence, sentence
from weft.testing import cancelled, failed, succeeded


def example(reason: type[Any]) -> Reason:
    """One of each class, with values that a sentence may hold."""
    samples: dict[Any, Any] = {int: 9, str: "something", tuple[str, ...]: ("something",)}
    fields = {field.name: samples.get(field.type, 9) for field in msgspec.structs.fields(reason)}
    made: Reason = reason(**fields)
    return made


@pytest.mark.parametrize("reason", get_args(Reason), ids=lambda reason: reason.__name__)
def test_every_reason_has_a_sentence_of_its_own(reason: type[Any]) -> None:
    told = sentence(example(reason))
    assert told
    assert reason.__name__ not in told, "a sentence, not the name of a class"
    others = [sentence(example(other)) for other in get_args(Reason) if other is not reason]
    assert told not in others or told == "something"


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (DependencyPending("fetch"), "`fetch` has not ended"),
        (PoolFull("gpu", free=0, asked=1), "pool `gpu` has 0 free and the task takes 1"),
        (
            PoolReserved("gpu", by="train"),
            "what is free in pool `gpu` is kept for `train`, which comes first",
        ),
        (Raised("ValueError", "no number"), "ValueError: no number"),
        (Raised("KeyboardInterrupt", ""), "KeyboardInterrupt"),
        (Exited(3), "exit code 3"),
        (Killed(signal.SIGKILL), "killed by SIGKILL"),
        (Killed(250), "killed by signal 250"),
        (DependencyCancelled("fetch"), "`fetch` was cancelled"),
        (Interrupted(signal.SIGTERM), "the run was interrupted by SIGTERM"),
        (Interrupted(), "the run was interrupted"),
    ],
)
def test_a_reason_reads_as_a_sentence(reason: Reason, told: str) -> None:
    assert sentence(reason) == told


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (succeeded(7), "succeeded"),
        (failed(Exited(2)), "failed: exit code 2"),
        (cancelled(Interrupted()), "was cancelled: the run was interrupted"),
        (Skipped(DependencyFailed("a")), "was skipped: `a` failed"),
    ],
)
def test_an_outcome_reads_as_what_became_of_a_task(outcome: Outcome, told: str) -> None:
    assert outcome_sentence(outcome) == told
