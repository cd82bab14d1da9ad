"""Merging: tasks that have done their work in a place of their own, until that is brought back.

Such a task holds nothing any more. Its work is brought back when what comes before that moment has ended;
the order of merges is kept like that of starts, also by those that end without one. Knows who waits for
whom; what becomes of a task is decided in `scheduler`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from weft.model.outcome import Succeeded
from weft.scheduling.node import Node


class Merges:
    """The merges of a run that are still to come; ``is_used`` tells whether there were ever any."""

    __slots__ = ("_done", "_followers", "_n_unmet", "is_used", "under_way")

    def __init__(self) -> None:
        self.is_used = False
        self._n_unmet: dict[int, int] = {}  # of each task whose merge waits for others: for how many
        self._followers: dict[int, list[int]] = {}  # by what they wait for
        self._done: dict[int, Succeeded] = {}  # what those have come to that wait for their merge
        self.under_way: dict[int, Succeeded] = {}  # likewise, while it is brought back

    def connect(self, node: Node, before: Iterable[int]) -> None:
        """Let the merge of ``node`` wait for those of ``before``, none of which has ended."""
        position = node.prepared.position
        self.is_used = True
        for at in before:
            self._n_unmet[position] = self._n_unmet.get(position, 0) + 1
            self._followers.setdefault(at, []).append(position)

    def is_held(self, position: int) -> bool:
        """Tell whether something must end before the task's work may be brought back."""
        return position in self._n_unmet

    def put(self, position: int, outcome: Succeeded) -> None:
        """Take in that the work of a task is done."""
        self._done[position] = outcome
        self.is_used = True

    def drop(self, position: int) -> None:
        """Forget the merge of a task that has ended without one."""
        self._done.pop(position, None)

    def release(self, position: int) -> Iterator[int]:
        """Take in that a task has ended; yield those whose merges wait for nothing any more."""
        for follower in self._followers.pop(position, ()):
            self._n_unmet[follower] -= 1
            if not self._n_unmet[follower]:
                del self._n_unmet[follower]
                yield follower

    def due(self) -> list[int]:
        """Return the tasks whose work may be brought back now; from now on it is under way."""
        due = [position for position in sorted(self._done) if position not in self._n_unmet]
        self.under_way.update((position, self._done.pop(position)) for position in due)
        return due

    def ended(self, position: int) -> Succeeded:
        """Return what a task has come to, whose work was brought back."""
        return self.under_way.pop(position)

    @property
    def waiting(self) -> frozenset[int]:
        """The tasks that are done, and whose turn has not come."""
        return frozenset(self._done)
