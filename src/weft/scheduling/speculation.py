"""Speculation: tasks that run in slots which nobody else wants, for a result that may be needed.

A speculative task is promoted to the priority of one that needs it, as soon as that one waits for nothing
but speculation. It is dropped when nobody needs it any more: all that need it have ended, or nothing else
is left of the run. Knows who needs whom; who has to make room is decided in `preemption`, and attempts are
stopped in `course`.

Only what has changed is looked at: a step costs as much as it changes, however many speculative tasks live.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from weft.model.reason import NotNeeded, Preempted
from weft.scheduling.node import SPECULATIVE, Node
from weft.scheduling.states import RUNNING, STOPPING, SUCCEEDED


class Speculation:
    """The tasks of a run that were declared speculative, and live.

    Attributes:
        eased: tasks that may wait for nothing but speculation now, as they wait for less than before.
        is_used: whether there ever was such a task; most runs have none.
    """

    __slots__ = (
        "_begun",
        "_live",
        "_n_needing",
        "_n_speculative",
        "_served",
        "_unneeded",
        "_unpromoted",
        "eased",
        "is_used",
    )

    def __init__(self) -> None:
        self._live: dict[int, Node] = {}
        self._unpromoted: dict[int, Node] = {}
        self._begun: dict[int, Node] = {}  # of these, those that may be running
        self._n_needing: dict[int, int] = {}  # edges from each of them to tasks that live
        self._n_speculative: dict[int, int] = {}  # edges of a task from speculative ones that live
        self._served: set[int] = set()  # tasks for which all that they need was promoted
        self._unneeded: list[Node] = []  # by somebody who has ended; it may be that others need them
        self.eased: list[Node] = []
        self.is_used = False

    def add(self, node: Node) -> None:
        """Take in a task that was declared speculative."""
        self._live[node.prepared.position] = self._unpromoted[node.prepared.position] = node
        self.is_used = True

    def connect(self, node: Node) -> None:
        """Take in what ``node`` waits for."""
        before = [edge.before for edge in node.prepared.edges if edge.before in self._live]
        if before:
            self._n_speculative[node.prepared.position] = len(before)
            for position in before:
                self._n_needing[position] = self._n_needing.get(position, 0) + 1
                if isinstance(self._live[position].stop_reason, NotNeeded):
                    self._live[position].stop_reason = Preempted()  # it will be tried again
            self.eased.append(node)

    def begin(self, node: Node) -> None:
        """Take in that an attempt at a speculative task has begun."""
        if node.prepared.position in self._unpromoted:
            self._begun[node.prepared.position] = node

    def end(self, node: Node) -> None:
        """Take in that a task has ended, speculative or not, before those behind it know."""
        position = node.prepared.position
        if self._live.pop(position, None) is not None:
            self._unpromoted.pop(position, None)
            self._begun.pop(position, None)
            self._n_needing.pop(position, None)
            for follower in node.followers or ():
                if follower.prepared.position in self._n_speculative:
                    self._n_speculative[follower.prepared.position] -= 1
        self._served.discard(position)
        if self._n_speculative.pop(position, None) is not None:
            for edge in node.prepared.edges:
                if edge.before in self._live:
                    self._n_needing[edge.before] -= 1
                    self._unneeded.append(self._live[edge.before])

    def running(self) -> list[Node]:
        """Return those that hold slots and were not promoted, also if they were asked to end."""
        if self._begun:
            holding = (RUNNING, STOPPING)
            self._begun = {at: node for at, node in self._begun.items() if node.state in holding}
        return list(self._begun.values())

    def wanted(self) -> Iterator[tuple[Node, int]]:
        """Yield the tasks to promote, each with the level that the caller lets it rise to."""
        while self.eased:
            levels: dict[Node, int] = {}
            for follower in self.eased:
                if self._waits_for_speculation(follower):
                    self._served.add(follower.prepared.position)
                    for edge in follower.prepared.edges:
                        node = self._unpromoted.get(edge.before)
                        if node is not None:
                            levels[node] = min(levels.get(node, SPECULATIVE), follower.key[0])
            for node in levels:
                del self._unpromoted[node.prepared.position]
                self._begun.pop(node.prepared.position, None)
            yield from levels.items()
            self.eased = list(levels)  # which need others in their turn

    def unneeded(self, live: Mapping[int, Node], *, closed: bool) -> Iterator[Node]:
        """Yield the tasks to drop, of a run whose tasks ``live``; the caller lets them end."""
        if closed and len(live) == len(self._live):
            self._unneeded += self._live.values()
        while self._unneeded:  # grows as they end
            node = self._unneeded.pop()
            if node.state < SUCCEEDED and not self._n_needing.get(node.prepared.position):
                yield node

    def _waits_for_speculation(self, node: Node) -> bool:
        position = node.prepared.position
        if position in self._served or node.key[0] == SPECULATIVE:
            return False
        return 0 < node.n_unmet == self._n_speculative.get(position, 0)
