"""A task as the scheduler sees it while it lives: its state and its place in the graph."""

from __future__ import annotations

from weft.model.attempt import Attempt
from weft.model.reason import CancelReason, TimedOut
from weft.planning.prepare import PreparedTask
from weft.scheduling.slots import Slots
from weft.scheduling.states import LEGAL, WAITING, TaskState

# Earlier is smaller: level, then the longest remaining path, then program order. The level is that of the
# priority, negative; speculation has the last.
Key = tuple[int, float, int]
SPECULATIVE = 0
Demand = tuple[tuple[Slots, int], ...]


class Tries:
    """The attempts at a task that may have several, or only so much time."""

    __slots__ = ("began", "given_up", "is_cut", "n", "n_cut")

    def __init__(self, began: float) -> None:
        self.began = began  # the moment of the first
        self.n = 0
        self.n_cut = 0  # how many of them were speculation that had to make room
        self.is_cut = False  # the last one was
        self.given_up = False  # no other will follow


class Node:
    """One live task. It is forgotten when it has ended and its followers know."""

    __slots__ = (
        "attempt",
        "demand",
        "followers",
        "key",
        "n_unmet",
        "prepared",
        "state",
        "stop_reason",
        "tries",
    )

    def __init__(self, prepared: PreparedTask) -> None:
        self.prepared = prepared
        task = prepared.task
        level = SPECULATIVE if task.speculative else -task.priority
        self.key: Key = (level, -prepared.path_s, prepared.position)
        self.state: TaskState = WAITING
        self.n_unmet = 0
        self.followers: list[Node] | None = None
        self.demand: Demand = ()  # known when it is READY
        self.attempt: Attempt | None = None
        self.stop_reason: CancelReason | TimedOut | None = None
        self.tries: Tries | None = None

    def become(self, state: TaskState) -> None:
        """Change the state, or raise before anything has moved."""
        assert state in LEGAL[self.state], f"{self.state.name} -> {state.name}: {self.prepared}"
        self.state = state
