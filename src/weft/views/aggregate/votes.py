"""Votes: each result is one, for one answer: `majority`, `quorum` and `weighted`.

What is found in a result is its answer as a whole, be it a list. One in which nothing is found has abstained,
a task that failed is absent; neither is a vote against anything.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from enum import Enum
from fractions import Fraction
from math import isfinite
from typing import Any

import msgspec

from weft.errors import UsageError
from weft.model.aggregate import MAX_SUPPORTERS, Majority, Quorum
from weft.model.share import exact, least_of
from weft.views.aggregate.attendance import Attendance, Made, Results, Supporter, counted, unusable
from weft.views.aggregate.elements import Key, check_supporters, key_reader
from weft.views.aggregate.field import field_reader
from weft.views.aggregate.identity import identity
from weft.views.aggregate.markdown import MAX_NAMES, cell, names, page

Weights = Mapping[str, float] | str | Callable[[Any], float | None]


class Verdict(Enum):
    """What a vote has come to."""

    WON = "won"
    TIE = "tie"  # several answers have the most votes
    SHORT = "short"  # one answer has the most votes, and they are too few
    NO_VOTES = "no votes"


class AnswerRow(msgspec.Struct, frozen=True):
    """An answer: how many votes are for it, which share of all that is, and whose they are (or the first).

    Where votes are weighed, the share is that of their weight.
    """

    answer: Any
    votes: int
    share: float
    supporters: tuple[Supporter, ...]
    weight: float | None = None


class _Vote(Made, frozen=True, kw_only=True):
    """What all votes tell.

    ``rows`` goes from the answer that leads to the last; those that are level stand in the order in which
    they were first given. ``winner`` is None unless there is one; ``tied`` are the answers that lead, where
    they are several. ``n_votes`` were cast.
    """

    verdict: Verdict
    winner: Any
    tied: tuple[Any, ...]
    n_votes: int
    rows: tuple[AnswerRow, ...]

    def _page(self, sentence: str, max_names: int) -> str:
        if self.verdict is Verdict.NO_VOTES:
            sentence = "Nobody has voted."
        elif self.verdict is Verdict.TIE:
            sentence = f"A tie of {', '.join(cell(answer) for answer in self.tied)}: {self._level()} each."
        weighed = any(row.weight is not None for row in self.rows)
        columns = ("answer", "#votes", *(["#weight"] if weighed else []), "#%", "supported by")
        rows = (
            (
                cell(row.answer),
                str(row.votes),
                *([f"{row.weight:g}"] if row.weight is not None else []),
                f"{row.share * 100:.1f}",
                names(row.supporters, row.votes, max_names),
            )
            for row in self.rows
        )
        return page(sentence + self.rest(), columns, rows)

    def _level(self) -> str:
        first = self.rows[0]
        votes = f"{first.votes} of {counted(self.n_votes, 'vote')}"
        return votes if first.weight is None else f"a weight of {first.weight:g}"


class MajorityVote(_Vote, frozen=True, kw_only=True, tag="majority"):
    """The answer that more than half of the votes are for, if there is one."""

    def to_markdown(self, *, max_supporters: int = MAX_NAMES) -> str:
        """Return a sentence, and a table with at most ``max_supporters`` names in each row."""
        sentence = ""
        if self.rows:
            has = "has the majority" if self.verdict is Verdict.WON else "leads without a majority"
            sentence = f"{cell(self.rows[0].answer)} {has}: {self._level()}."
        return self._page(sentence, max_supporters)


class QuorumVote(_Vote, frozen=True, kw_only=True, tag="quorum"):
    """The answer that most votes are for, if these are at least ``required``."""

    required: int

    def to_markdown(self, *, max_supporters: int = MAX_NAMES) -> str:
        """Return a sentence, and a table with at most ``max_supporters`` names in each row."""
        sentence = ""
        if self.rows:
            has = "has the quorum" if self.verdict is Verdict.WON else "leads without a quorum"
            sentence = f"{cell(self.rows[0].answer)} {has}: {self._level()}, {self.required} required."
        return self._page(sentence, max_supporters)


class WeightedVote(_Vote, frozen=True, kw_only=True, tag="weighted"):
    """The answer whose votes weigh most, of ``total`` in all."""

    total: float

    def to_markdown(self, *, max_supporters: int = MAX_NAMES) -> str:
        """Return a sentence, and a table with at most ``max_supporters`` names in each row."""
        sentence = ""
        if self.rows:
            first = self.rows[0]
            sentence = f"{cell(first.answer)} weighs most: {first.weight:g} of {self.total:g}."
        return self._page(sentence, max_supporters)


class _Candidate:
    """An answer, and the votes for it."""

    __slots__ = ("answer", "supporters", "votes", "weight")

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.votes = 0
        self.weight = Fraction(0)
        self.supporters: list[Supporter] = []


class _Count:
    """The votes of all results, counted in one pass."""

    def __init__(
        self,
        results: Results,
        answer_of: Callable[[Any], Any],
        key: Key,
        max_supporters: int | None,
        min_required: float | None,
        weight_of: Callable[[Supporter, Any], Fraction | None] | None = None,
    ) -> None:
        check_supporters(max_supporters)
        key_of = key_reader(key) or identity
        self.attendance = Attendance(min_required)
        self.candidates: dict[Hashable, _Candidate] = {}
        self.n_votes = 0
        for supporter, result in self.attendance.present(results):
            try:
                answer = answer_of(result)
                weight = weight_of(supporter, result) if weight_of is not None else Fraction(1)
                of = None if answer is None or weight is None else key_of(answer)
            except UsageError as error:
                raise unusable(supporter, error) from error
            if of is None or weight is None:
                self.attendance.n_abstained += 1
                continue
            self.n_votes += 1
            candidate = self.candidates.setdefault(of, _Candidate(answer))
            candidate.votes += 1
            candidate.weight += weight
            if max_supporters is None or len(candidate.supporters) < max_supporters:
                candidate.supporters.append(supporter)

    def told(self, suffices: Callable[[int, int], bool] | None) -> dict[str, Any]:
        """Return what a vote tells; without ``suffices`` the answer that leads has won."""
        ranked = sorted(self.candidates.values(), key=lambda candidate: -candidate.weight)
        tied = [candidate for candidate in ranked if candidate.weight == ranked[0].weight]
        verdict = Verdict.WON
        if not ranked:
            verdict = Verdict.NO_VOTES
        elif len(tied) > 1:
            verdict = Verdict.TIE
        elif suffices is not None and not suffices(ranked[0].votes, self.n_votes):
            verdict = Verdict.SHORT
        return {
            "verdict": verdict,
            "winner": ranked[0].answer if verdict is Verdict.WON else None,
            "tied": tuple([candidate.answer for candidate in tied]) if verdict is Verdict.TIE else (),
            "n_votes": self.n_votes,
            "rows": tuple(_rows(ranked, self.total(), weighed=suffices is None)),
            **self.attendance.told(),
        }

    def total(self) -> Fraction:
        """Return the weight of all votes together."""
        return sum((candidate.weight for candidate in self.candidates.values()), Fraction(0))


def _rows(ranked: Iterable[_Candidate], total: Fraction, *, weighed: bool) -> Iterator[AnswerRow]:
    for candidate in ranked:
        share = float(candidate.weight / total) if total else 0.0
        weight = float(candidate.weight) if weighed else None
        yield AnswerRow(candidate.answer, candidate.votes, share, tuple(candidate.supporters), weight)


def majority(
    results: Results,
    *,
    field: str | None = None,
    key: Key = None,
    max_supporters: int | None = MAX_SUPPORTERS,
    min_required: float | None = None,
) -> MajorityVote:
    """Return the answer that more than half of the votes are for.

    Args:
        results: outcomes or values, by task or in a row; see `frequency`.
        field: a JMESPath to the answer in each result; None: the result itself. A result in which there is
            nothing, which is null, has abstained: it is a result, and no vote.
        key: a JMESPath into each answer, or a function of it, that tells what makes two answers the same.
        max_supporters: keep the first so many of each answer. None keeps all.
        min_required: how many results there must be: a number (int), or a share of all tasks (float).

    Raises:
        UsageError: ``field`` is no JMESPath or does not fit a result, an argument is out of its range, or
            an answer can be neither hashed nor written as JSON.
        TooFewResults: there are fewer results than are required.

    >>> vote = majority({"a": "blue", "b": "red", "c": "blue", "d": None})
    >>> vote.verdict.value, vote.winner, vote.n_votes, vote.n_abstained
    ('won', 'blue', 3, 1)
    >>> majority(["blue", "red"]).tied
    ('blue', 'red')
    """
    count = _Count(results, field_reader(field), key, max_supporters, min_required)
    return MajorityVote(**count.told(Majority().suffices))


def quorum(
    results: Results,
    least: float,
    *,
    field: str | None = None,
    key: Key = None,
    max_supporters: int | None = MAX_SUPPORTERS,
    min_required: float | None = None,
) -> QuorumVote:
    """Return the answer that most votes are for, if these are enough.

    Args:
        results: see `majority`, also for the other arguments.
        least: how many votes an answer needs: a number of them (int), or a share of those cast (float up to
            1.0).
        field: see `majority`.
        key: see `majority`.
        max_supporters: see `majority`.
        min_required: see `majority`.

    Raises:
        UsageError: as `majority` does.
        TooFewResults: likewise.

    >>> quorum(["blue", "blue", "red"], 2).winner
    'blue'
    >>> quorum(["blue", "blue", "red"], 0.75).verdict.value
    'short'
    """
    is_sensible = least >= 1 if isinstance(least, int) else 0 < least <= 1
    if isinstance(least, bool) or not is_sensible:
        raise UsageError(f"a quorum of {least}; expected a whole number, 1 or more, or a share up to 1.0")
    count = _Count(results, field_reader(field), key, max_supporters, min_required)
    return QuorumVote(required=least_of(least, count.n_votes), **count.told(Quorum(least).suffices))


def weighted(
    results: Results,
    weights: Weights,
    *,
    field: str | None = None,
    key: Key = None,
    max_supporters: int | None = MAX_SUPPORTERS,
    min_required: float | None = None,
) -> WeightedVote:
    """Return the answer whose votes weigh most; what they weigh is added up exactly, as it is written.

    Args:
        results: see `majority`, also for the other arguments.
        weights: a mapping from task ids to weights, where one that is not there weighs 1; or a JMESPath to
            the weight in each result, or a function of the result. Where that gives None, the task abstains.
        field: see `majority`.
        key: see `majority`.
        max_supporters: see `majority`.
        min_required: see `majority`.

    Raises:
        UsageError: as `majority` does; or a weight is not a number, 0 or more.
        TooFewResults: as `majority` does.

    >>> votes = [{"says": "yes", "sure": 0.9}, {"says": "no", "sure": 0.5}, {"says": "no", "sure": 0.3}]
    >>> weighted(votes, "sure", field="says").winner
    'yes'
    """
    weight_of = _weigher(weights)
    count = _Count(results, field_reader(field), key, max_supporters, min_required, weight_of)
    return WeightedVote(total=float(count.total()), **count.told(None))


def _weigher(weights: Weights) -> Callable[[Supporter, Any], Fraction | None]:
    if isinstance(weights, Mapping):
        known = {supporter: _weight(weight) for supporter, weight in weights.items()}
        return lambda supporter, result: known.get(str(supporter), Fraction(1))
    find = field_reader(weights, "weights") if isinstance(weights, str) else weights

    def weight_of(supporter: Supporter, result: Any) -> Fraction | None:
        found = find(result)
        return None if found is None else _weight(found)

    return weight_of


def _weight(weight: Any) -> Fraction:
    is_number = isinstance(weight, int | float | Fraction) and not isinstance(weight, bool)
    if is_number and isfinite(weight) and weight >= 0:
        return exact(weight)
    raise UsageError(f"the weight {weight!r} is not a number, 0 or more")
