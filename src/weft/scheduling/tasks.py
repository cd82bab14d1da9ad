"""The tasks of a run that have not ended, and how the end of one reaches those that wait for it.

Knows who waits for whom. When a task starts, and how it ends, is decided by others.
"""

from __future__ import annotations

from collections.abc import Iterable

from weft.model.outcome import Cancelled, Failed, Outcome, Skipped, Succeeded
from weft.model.reason import (
    Decided,
    DependencyCancelled,
    DependencyFailed,
    EndReason,
    GroupReason,
    NotNeeded,
    SkipReason,
)
from weft.planning.prepare import PreparedTask
from weft.scheduling.merging import Merges
from weft.scheduling.node import Node
from weft.scheduling.states import STATE_AFTER, SUCCEEDED, WAITING


class Tasks:
    """The graph of live tasks.

    Attributes:
        live: tasks that have not ended, by position.
        passed_over: ended without success while tasks before them live: those behind them still wait
            for these.
        merges: what is done in workspaces and not brought back yet.
        states: of every task, by position; one byte is all that is kept of most.
        blame: what to tell those who need a task that did not succeed.
    """

    __slots__ = ("blame", "live", "merges", "passed_over", "states")

    def __init__(self) -> None:
        self.live: dict[int, Node] = {}
        self.passed_over: dict[int, Node] = {}
        self.states = bytearray()
        self.blame: dict[int, SkipReason] = {}
        self.merges = Merges()

    def add(self, prepared: PreparedTask) -> Node:
        """Take in the next task in program order."""
        position = prepared.position
        assert position == len(self.states), f"position {position} is not next, {len(self.states)} is"
        node = self.live[position] = Node(prepared)
        self.states.append(WAITING)
        return node

    def connect(self, node: Node) -> None:
        """Let ``node`` wait for all that comes before it and has not ended."""
        live = self.live
        for edge in node.prepared.edges:
            before = live.get(edge.before) or self.passed_over.get(edge.before)
            if before is not None:
                node.n_unmet += 1
                if before.followers is None:
                    before.followers = [node]
                else:
                    before.followers.append(node)
        if node.prepared.merges_after:
            sources = [edge.before for edge in node.prepared.merges_after]
            self.merges.connect(node, [at for at in sources if at in live or at in self.passed_over])

    def blame_before(self, node: Node) -> SkipReason | None:
        """Return why a task that came late can't run: something it requires has ended badly."""
        required = (edge.before for edge in node.prepared.edges if edge.required)
        return next((self.blame[before] for before in required if before in self.blame), None)

    def settle(self, node: Node, outcome: Outcome) -> None:
        """Let ``node`` live no more."""
        node.become(STATE_AFTER[type(outcome)])
        position = node.prepared.position
        del self.live[position]
        self.states[position] = node.state
        if node.state is not SUCCEEDED:
            self.blame[position] = _blame(node, outcome)

    def in_need_of(self, node: Node) -> list[Node]:
        """Return the live tasks that can't do without ``node``, once each."""
        position = node.prepared.position
        # One that has ended was skipped through another of its dependencies, or taken back.
        living = [follower for follower in node.followers or () if follower.state < SUCCEEDED]
        return list(dict.fromkeys([follower for follower in living if _is_required(position, follower)]))

    def released_by(self, ended: list[Node], eased: list[Node] | None = None) -> list[Node]:
        """Return the tasks that wait for nothing any more, now that those of ``ended`` have.

        Those that wait for less than before, and still for something, are added to ``eased``.
        """
        released = []
        merges = self.merges
        for node in ended:  # grows while it is walked
            if node.n_unmet or (merges.is_used and merges.is_held(node.prepared.position)):
                self.passed_over[node.prepared.position] = node
                continue
            if merges.is_used:
                ended += self._let_go(merges.release(node.prepared.position))
            followers, node.followers = node.followers, None
            for follower in followers or ():
                follower.n_unmet -= 1
                if follower.n_unmet:
                    if eased is not None:
                        eased.append(follower)
                    continue
                if follower.state is WAITING:
                    released.append(follower)
                else:
                    ended += self._let_go((follower.prepared.position,))
        return released

    def _let_go(self, positions: Iterable[int]) -> list[Node]:
        """Return those of the tasks that have ended and hold back those behind them no longer."""
        return [
            self.passed_over.pop(position)
            for position in positions
            if position in self.passed_over
            and not (self.passed_over[position].n_unmet or self.merges.is_held(position))
        ]


def _is_required(before: int, node: Node) -> bool:
    """Tell whether ``node`` can't do without the success of the task at ``before``."""
    return any(edge.required for edge in node.prepared.edges if edge.before == before)


def _blame(node: Node, outcome: Outcome) -> SkipReason:
    """Return what those who need ``node`` are told: the first cause, not the last link of the chain."""
    match outcome:
        case Skipped(NotNeeded() | Decided()):  # somebody needs it after all, and comes too late
            return DependencyCancelled(node.prepared.task.id)
        case Skipped(because):
            return because
        case Failed():
            return DependencyFailed(node.prepared.task.id)
        case Cancelled(because) if isinstance(because, GroupReason | EndReason):
            return because
        case Cancelled():
            return DependencyCancelled(node.prepared.task.id)
        case Succeeded():
            raise AssertionError(f"nobody is to blame for {outcome}")
