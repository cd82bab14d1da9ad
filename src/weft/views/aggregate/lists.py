"""Results one after the other: `ordered` and `concat`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from weft.errors import UsageError
from weft.views.aggregate.attendance import Attendance, Made, Results, Supporter, counted, unusable
from weft.views.aggregate.field import field_reader
from weft.views.aggregate.identity import elements_of
from weft.views.aggregate.markdown import cell, page


class Entry(msgspec.Struct, frozen=True):
    """A value, and whose result it stands in."""

    value: Any
    supporter: Supporter


class _List(Made, frozen=True, kw_only=True):
    rows: tuple[Entry, ...]

    @property
    def values(self) -> list[Any]:
        """The values alone."""
        return [row.value for row in self.rows]

    def _page(self, sentence: str, column: str) -> str:
        rows = ((cell(row.supporter), cell(row.value)) for row in self.rows)
        return page(sentence + self.rest(), ("task", column), rows)


class OrderedList(_List, frozen=True, kw_only=True, tag="ordered"):
    """What each result holds, in the order in which they came: in a plan, in plan order."""

    def to_markdown(self) -> str:
        """Return a sentence and a table."""
        return self._page(f"{counted(len(self.rows), 'result')}, in order.", "result")


class ConcatList(_List, frozen=True, kw_only=True, tag="concat"):
    """The elements of all results, one after the other."""

    def to_markdown(self) -> str:
        """Return a sentence and a table."""
        n_elements = counted(len(self.rows), "element")
        return self._page(f"{n_elements} of {counted(self.n_results, 'result')}, in order.", "element")


def ordered(results: Results, *, field: str | None = None, min_required: float | None = None) -> OrderedList:
    """Return all results, in the order in which they come, each with who has it.

    Args:
        results: outcomes or values, by task or in a row; see `frequency`.
        field: a JMESPath into each result; None: the result itself. Where there is nothing, which is null,
            the result is passed over, and told as ``n_abstained``.
        min_required: how many results there must be: a number (int), or a share of all tasks (float).

    Raises:
        UsageError: ``field`` is no JMESPath or does not fit a result.
        TooFewResults: there are fewer results than are required.

    >>> ordered({"b": 2, "a": 1}).values
    [2, 1]
    """
    attendance = Attendance(min_required)
    rows = tuple(found_in(results, field, attendance))
    return OrderedList(rows=rows, **attendance.told())


def concat(results: Results, *, field: str | None = None, min_required: float | None = None) -> ConcatList:
    """Return the elements of all results one after the other; see `ordered` for the arguments.

    A result is a list, tuple or set of elements, or else one element.

    >>> concat([["b", "a"], "a", []]).values
    ['b', 'a', 'a']
    """
    attendance = Attendance(min_required)
    found = found_in(results, field, attendance)
    rows = tuple([Entry(element, entry.supporter) for entry in found for element in elements_of(entry.value)])
    return ConcatList(rows=rows, **attendance.told())


def found_in(results: Results, field: str | None, attendance: Attendance) -> Iterator[Entry]:
    """Yield what stands under ``field`` of each result, one at a time, and count the others.

    Raises:
        UsageError: ``field`` is no JMESPath or does not fit a result.
        TooFewResults: at the end, if there were too few.
    """
    find = field_reader(field)
    for supporter, result in attendance.present(results):
        try:
            found = find(result)
        except UsageError as error:
            raise unusable(supporter, error) from error
        if found is None:
            attendance.n_abstained += 1
        else:
            yield Entry(found, supporter)
