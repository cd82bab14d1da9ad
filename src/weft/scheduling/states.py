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
    BACKOFF = 4  # until its next attempt is due
    ASKING = 5  # other processes, for what they share
    MERGING = 6  # it is done; what it made in its workspace is being brought back, or will be
    SUCCEEDED = 7
    FAILED = 8
    CANCELLED = 9
    SKIPPED = 10


WAITING, READY, RUNNING, STOPPING, BACKOFF, ASKING, MERGING, SUCCEEDED, FAILED, CANCELLED, SKIPPED = TaskState

LEGAL = {
    WAITING: frozenset({READY, SUCCEEDED, CANCELLED, SKIPPED}),  # SUCCEEDED: in the run that is taken up
    READY: frozenset(
        {ASKING, RUNNING, FAILED, CANCELLED, SKIPPED}
    ),  # FAILED: its time was over between attempts
    RUNNING: frozenset({STOPPING, BACKOFF, MERGING, SUCCEEDED, FAILED, CANCELLED}),
    # READY: speculation that made room.
    STOPPING: frozenset({READY, BACKOFF, MERGING, SUCCEEDED, FAILED, CANCELLED}),
    BACKOFF: frozenset({READY, FAILED, CANCELLED}),
    ASKING: frozenset({READY, RUNNING, FAILED, CANCELLED, SKIPPED}),
    MERGING: frozenset({BACKOFF, SUCCEEDED, FAILED, CANCELLED}),
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
# As programs read them: in JSON, in metrics, in the journal.
NAME_AFTER = {kind: state.name.lower() for kind, state in STATE_AFTER.items()}


class RunState(Enum):
    """How a run ended."""

    SUCCEEDED = "succeeded"  # every task did, or its group had enough without it
    DEGRADED = "degraded"  # some did not, and their groups tolerate it
    FAILED = "failed"
    INTERRUPTED = "interrupted"
