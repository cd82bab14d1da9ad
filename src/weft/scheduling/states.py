"""The states of a task and of a run, and the changes that are legal."""

from __future__ import annotations

from enum import Enum, IntEnum

from weft.model.outcome import Cancelled, Failed, Outcome, Skipped, Succeeded


class TaskState(IntEnum):
    """Where a task stands; from SUCCEEDED on it has ended."""

    WAITING = 0  # for tasks that must end first
    READY = 1  # for its turn and its limits
    RUNNING = 2
    STOPPING = 3  # asked to end, and still counted as running
    SUCCEEDED = 4
    FAILED = 5
    CANCELLED = 6
    SKIPPED = 7


WAITING, READY, RUNNING, STOPPING, SUCCEEDED, FAILED, CANCELLED, SKIPPED = TaskState

LEGAL = {
    WAITING: frozenset({READY, CANCELLED, SKIPPED}),
    READY: frozenset({RUNNING, CANCELLED, SKIPPED}),
    RUNNING: frozenset({STOPPING, SUCCEEDED, FAILED, CANCELLED}),
    STOPPING: frozenset({SUCCEEDED, FAILED, CANCELLED}),
    SUCCEEDED: frozenset[TaskState](),
    FAILED: frozenset[TaskState](),
    CANCELLED: frozenset[TaskState](),
    SKIPPED: frozenset[TaskState](),
}

STATE_AFTER: dict[type[Outcome], TaskState] = {
    Succeeded: SUCCEEDED,
    Failed: FAILED,
    Cancelled: CANCELLED,
    Skipped: SKIPPED,
}


class RunState(Enum):
    """How a run ended."""

    SUCCEEDED = "succeeded"  # every task did
    FAILED = "failed"
    INTERRUPTED = "interrupted"
