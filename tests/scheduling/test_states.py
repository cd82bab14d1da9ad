from __future__ import annotations

from typing import get_args

import pytest

from weft.model.outcome import Outcome
from weft.planning.prepare import PreparedTask
from weft.scheduling.node import Node
from weft.scheduling.states import (
    ASKING,
    BACKOFF,
    CANCELLED,
    FAILED,
    LEGAL,
    MERGING,
    READY,
    RUNNING,
    SKIPPED,
    STATE_AFTER,
    STOPPING,
    SUCCEEDED,
    WAITING,
    TaskState,
)
from weft.testing import task

ENDED = {SUCCEEDED, FAILED, CANCELLED, SKIPPED}


def test_every_state_has_its_row_in_the_table() -> None:
    assert set(LEGAL) == set(TaskState)


def test_what_has_ended_never_changes() -> None:
    assert {state for state, after in LEGAL.items() if not after} == ENDED
    assert {state for state in TaskState if state >= SUCCEEDED} == ENDED


def test_every_outcome_leads_to_an_ended_state_of_its_own() -> None:
    assert set(STATE_AFTER) == set(get_args(Outcome))
    assert set(STATE_AFTER.values()) == ENDED


def test_what_has_begun_is_never_skipped() -> None:
    assert SKIPPED not in LEGAL[RUNNING] | LEGAL[STOPPING] | LEGAL[BACKOFF] | LEGAL[MERGING]


def test_what_has_begun_never_waits_for_others_again() -> None:
    begun = {RUNNING, STOPPING, BACKOFF, MERGING}
    assert all(WAITING not in LEGAL[state] for state in {READY, *begun})


def test_what_stops_never_runs_again_in_the_same_attempt() -> None:
    assert LEGAL[STOPPING] <= {BACKOFF, READY, MERGING} | ENDED


def test_another_attempt_stands_in_line_like_the_first() -> None:
    assert {state for state, after in LEGAL.items() if RUNNING in after} == {READY, ASKING}
    assert [state for state, after in LEGAL.items() if ASKING in after] == [READY]
    assert LEGAL[BACKOFF] - ENDED == {READY}


def test_a_task_succeeds_only_by_an_attempt() -> None:
    assert {state for state, after in LEGAL.items() if SUCCEEDED in after} == {RUNNING, STOPPING, MERGING}
    assert {state for state, after in LEGAL.items() if MERGING in after} == {RUNNING, STOPPING}


@pytest.mark.parametrize("state", TaskState)
@pytest.mark.parametrize("after", TaskState)
def test_an_illegal_change_raises_before_anything_has_moved(state: TaskState, after: TaskState) -> None:
    node = Node(PreparedTask(0, task("a")))
    node.state = state
    if after in LEGAL[state]:
        node.become(after)
        assert node.state is after
    else:
        with pytest.raises(AssertionError, match=f"{state.name} -> {after.name}"):
            node.become(after)
        assert node.state is state
