"""Voting: when the votes that are in have decided, whatever the others may still say.

A voter is open until its task has ended; one that waits for its next attempt has not voted. One that fails,
or is skipped, is absent: that is no vote against anybody. Knows counts and positions; what an answer is
is told by the Election, and the voters that are left out are stopped in `course`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence

import msgspec

from weft.errors import UsageError
from weft.model.aggregate import Majority, Quorum
from weft.model.outcome import Outcome, Succeeded
from weft.model.reason import Decided


class Election(msgspec.Struct, frozen=True):
    """A vote that ends as soon as it is decided.

    Args:
        aggregate: its name.
        voters: the positions of the tasks that vote.
        rule: how many votes an answer needs.
        answer_of: returns what a result votes for, or None if it abstains; answers are the same when they
            are equal. It raises UsageError if the result can't be read.
        required: so many voters must have a result.
    """

    aggregate: str
    voters: tuple[int, ...]
    rule: Majority | Quorum
    answer_of: Callable[[object], Hashable]
    required: int = 0


class LeaveOut(msgspec.Struct, frozen=True):
    """The tasks at ``positions`` need not be carried out any more."""

    positions: tuple[int, ...]
    because: Decided


class _Poll:
    """How one election stands."""

    __slots__ = ("election", "first", "is_over", "leader", "n_cast", "n_results", "open", "second", "votes")

    def __init__(self, election: Election) -> None:
        self.election = election
        self.open = dict.fromkeys(election.voters)
        self.n_results = 0
        self.n_cast = 0
        self.votes: dict[Hashable, int] = {}
        self.leader: Hashable = None
        self.first = 0  # votes for the leader
        self.second = 0  # the most votes for any other answer
        self.is_over = False

    def take(self, position: int, outcome: Outcome) -> None:
        """Take in how a voter has ended."""
        del self.open[position]
        if not isinstance(outcome, Succeeded):
            return
        self.n_results += 1
        answer = self.election.answer_of(outcome.value)
        if answer is not None:
            self._count(answer)

    def _count(self, answer: Hashable) -> None:
        self.n_cast += 1
        self.votes[answer] = votes = self.votes.get(answer, 0) + 1
        if answer == self.leader:
            self.first = votes
        elif votes > self.first:
            self.leader, self.first, self.second = answer, votes, self.first
        else:
            self.second = max(self.second, votes)

    def verdict(self) -> Decided | None:
        """Return what is certain by now, or None while any of it can still change."""
        n_open, election = len(self.open), self.election
        suffices, cast_at_most = election.rule.suffices, self.n_cast + n_open
        # Every rule asks most of an answer where all that are open vote, and for others.
        is_won = self.first > self.second + n_open and suffices(self.first, cast_at_most)
        if is_won and self.n_results >= election.required:
            return Decided(election.aggregate, True, self.first, len(election.voters))
        is_possible = suffices(self.first + n_open, cast_at_most)
        if not is_possible or self.n_results + n_open < election.required:
            return Decided(election.aggregate, False, self.first, len(election.voters))
        return None


class Voting:
    """The elections of one run.

    >>> same = Election("best", (0, 1, 2, 3), Majority(), lambda value: value)
    >>> voting = Voting([same])
    >>> list(voting.ended(0, Succeeded("x"))), list(voting.ended(1, Succeeded("x")))
    ([], [])
    >>> [left.positions for left in voting.ended(2, Succeeded("x"))]
    [(3,)]
    """

    __slots__ = ("_polls_of", "is_used")

    def __init__(self, elections: Sequence[Election] = ()) -> None:
        self._polls_of: dict[int, list[_Poll]] = {}
        for election in elections:
            poll = _Poll(election)
            for position in election.voters:
                self._polls_of.setdefault(position, []).append(poll)
        self.is_used = bool(self._polls_of)

    def ended(self, position: int, outcome: Outcome) -> Iterator[LeaveOut]:
        """Take in how a task has ended, and yield who can be left out by that.

        Who votes in several elections is left out when all of them are decided.
        """
        for poll in self._polls_of.pop(position, ()):
            if poll.is_over:
                continue
            try:
                poll.take(position, outcome)
            except UsageError:  # the aggregate can't be made, and says so at the end
                poll.is_over = True
                continue
            because = poll.verdict()
            if because is not None:
                poll.is_over = True
                left = [at for at in poll.open if all(each.is_over for each in self._polls_of[at])]
                yield LeaveOut(tuple(left), because)
