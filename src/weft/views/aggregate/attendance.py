"""Who is there: goes through outcomes or results once, and counts those that bring none.

A task that failed, was skipped or cancelled has no result: it is absent, which is no vote against anything.
One that was left out, because the matter was decided without it, is told apart. A result in which there is
nothing has abstained.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from weft.errors import TooFewResults, UsageError
from weft.model.outcome import Cancelled, Failed, Skipped, Succeeded
from weft.model.reason import Decided
from weft.model.share import least_of

Supporter = str | int  # the id of a task, or the position of a result that came without one
Results = Mapping[str, Any] | Iterable[Any]


class Made(msgspec.Struct, frozen=True, kw_only=True, tag_field="strategy"):
    """What all aggregates tell: on how many results they rest.

    ``n_absent`` tasks had no result, ``n_left_out`` more were not needed for the verdict. Of the results
    ``n_abstained`` said nothing: what was looked for in them was null.
    """

    n_results: int
    n_absent: int = 0
    n_left_out: int = 0
    n_abstained: int = 0

    def to_json(self) -> str:
        """Return it as indented JSON; what JSON has no form for is shown as its `str`."""
        return msgspec.json.format(msgspec.json.encode(self, enc_hook=str), indent=2).decode() + "\n"

    def rest(self) -> str:
        """Return sentences about those that said nothing, each with a space before it."""
        was = "was" if self.n_left_out == 1 else "were"
        told = (
            (self.n_abstained, "result", "said nothing"),
            (self.n_absent, "more task", "had no result"),
            (self.n_left_out, "more task", f"{was} left out, as a vote was decided"),
        )
        return "".join(f" {counted(number, noun)} {what}." for number, noun, what in told if number)


class Attendance:
    """Goes through results once.

    Args:
        min_required: how many results there must be at least: a number of them (int), or a share of all that
            could have had one (anything else).

    Raises:
        UsageError: that makes no sense.
    """

    def __init__(self, min_required: float | None = None) -> None:
        if min_required is not None and not _is_sensible(min_required):
            raise UsageError(
                f"min_required is {min_required}; expected a whole number, 1 or more, or a share up to 1.0"
            )
        self._min_required = min_required
        self.n_results = 0
        self.n_absent = 0
        self.n_left_out = 0
        self.n_abstained = 0

    def present(self, results: Results) -> Iterator[tuple[Supporter, Any]]:
        """Yield who has a result, and the result.

        Raises:
            TooFewResults: at the end, if there were too few.
        """
        n_results = 0
        for supporter, result in results.items() if isinstance(results, Mapping) else enumerate(results):
            if type(result) is Succeeded:
                n_results += 1
                yield supporter, result.value
            elif isinstance(result, Failed | Cancelled | Skipped | BaseException):
                self._miss(result)
            else:
                n_results += 1
                yield supporter, result
        self.n_results = n_results
        self._check()

    def _miss(self, result: Failed | Cancelled | Skipped | BaseException) -> None:
        if isinstance(result, Cancelled | Skipped) and isinstance(result.because, Decided):
            self.n_left_out += 1
        else:
            self.n_absent += 1

    def _check(self) -> None:
        if self._min_required is None:
            return
        n_tasks = self.n_results + self.n_absent + self.n_left_out
        required = least_of(self._min_required, n_tasks)
        if self.n_results < required:
            raise TooFewResults(
                f"{self.n_results} of {counted(n_tasks, 'task')} have a result, and {required} must"
            )

    def told(self) -> dict[str, int]:
        """Return the counts as an aggregate tells them."""
        return {
            "n_results": self.n_results,
            "n_absent": self.n_absent,
            "n_left_out": self.n_left_out,
            "n_abstained": self.n_abstained,
        }


def counted(number: int, noun: str) -> str:
    """Return a number of things.

    >>> counted(1, "task"), counted(0, "task")
    ('1 task', '0 tasks')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def unusable(supporter: Supporter, error: UsageError) -> UsageError:
    """Return ``error`` with the name of whose result it is about."""
    name = f"`{supporter}`" if isinstance(supporter, str) else f"number {supporter}"
    return UsageError(f"the result of {name} can't be counted: {error}")


def _is_sensible(least: float) -> bool:
    if isinstance(least, bool):
        return False
    return least >= 1 if isinstance(least, int) else 0 < least <= 1
