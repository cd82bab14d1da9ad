"""Elements that results have in common: `frequency`, `union` and `intersection`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import islice
from typing import Any

import msgspec

from weft.errors import UsageError
from weft.model.aggregate import COMMON, MAX_SUPPORTERS
from weft.model.share import exact, least_of
from weft.views.aggregate.attendance import Attendance, Made, Results, Supporter, counted, unusable
from weft.views.aggregate.field import field_reader
from weft.views.aggregate.identity import KeyOf, elements_of, identity_by
from weft.views.aggregate.markdown import MAX_NAMES, cell, names, page
from weft.views.aggregate.tallies import Holding, Tallies

Key = str | Callable[[Any], Any] | None

_BLOCK = 1024  # results at a time: enough that the loop over them costs nothing


class ElementRow(msgspec.Struct, frozen=True):
    """An element: how many results hold it, which share of all that is, and who they are (or the first)."""

    element: Any
    count: int
    frequency: float
    supporters: tuple[Supporter, ...]


class _ElementTable(Made, frozen=True, kw_only=True):
    """``rows`` of the ``n_elements`` different elements that there were."""

    rows: tuple[ElementRow, ...]
    n_elements: int

    def _page(self, sentence: str, max_names: int) -> str:
        rows = (
            (
                cell(row.element),
                str(row.count),
                f"{row.frequency * 100:.1f}",
                names(row.supporters, row.count, max_names),
            )
            for row in self.rows
        )
        return page(sentence + self.rest(), ("element", "#count", "#%", "supported by"), rows)


class FrequencyTable(_ElementTable, frozen=True, kw_only=True, tag="frequency"):
    """The elements that stand in at least ``threshold`` (0 to 1) of the results.

    ``rows`` goes from the most frequent element to the least; those that are equally frequent stand
    in the order in which they first appeared.
    """

    threshold: float

    def to_markdown(self, *, max_supporters: int = MAX_NAMES) -> str:
        """Return a sentence, and a table with at most ``max_supporters`` names in each row."""
        sentence = (
            f"{len(self.rows)} of {self.n_elements} elements stand in at least {self.threshold * 100:g}%"
            f" of {self.n_results} results."
        )
        return self._page(sentence, max_supporters)


class UnionTable(_ElementTable, frozen=True, kw_only=True, tag="union"):
    """The elements that stand in any result, in the order in which they first appeared."""

    def to_markdown(self, *, max_supporters: int = MAX_NAMES) -> str:
        """Return a sentence, and a table with at most ``max_supporters`` names in each row."""
        sentence = f"{self.n_elements} different elements stand in {counted(self.n_results, 'result')}."
        return self._page(sentence, max_supporters)


class IntersectionTable(_ElementTable, frozen=True, kw_only=True, tag="intersection"):
    """The elements that stand in every result, in the order in which they first appeared."""

    def to_markdown(self, *, max_supporters: int = MAX_NAMES) -> str:
        """Return a sentence, and a table with at most ``max_supporters`` names in each row."""
        sentence = (
            f"{len(self.rows)} of {self.n_elements} elements stand in all of"
            f" {counted(self.n_results, 'result')}."
        )
        return self._page(sentence, max_supporters)


def frequency(
    results: Results,
    *,
    field: str | None = None,
    key: Key = None,
    threshold: float | Fraction = COMMON,
    max_supporters: int | None = MAX_SUPPORTERS,
    min_required: float | None = None,
) -> FrequencyTable:
    """Return the elements that are common to ``results``, with the tasks that support them.

    An element is common when ``count >= n_results * threshold``, and the border is met exactly: the
    threshold is taken as the decimal number that was written, so that 2 of 5 reach 0.4. The rule and
    its 40 % come from the project's seed, whose loop adds one for each *mention*. Here an element that
    one result mentions twice counts once: supporters are tasks, and no frequency is above 1.

    Two elements are the same when type and value are the same: 1, 1.0, "1" and True are four. Lists
    and dictionaries are compared by their JSON, in which the order of keys does not matter.

    Args:
        results: a mapping from task ids to results, such as ``report.results`` or
            ``report.outcomes``, or any iterable of results, whose supporters are then their
            positions, from 0. Each may be an Outcome: a success stands for its value. All others, and
            exceptions, which stand in the place of failures, are no results: they are only told as
            ``n_absent``. It is gone through once.
        field: a JMESPath into each result, leading to one element or a list of them; the result is then
            seen as the JSON that it makes. None: the result itself is the element, or the list, tuple
            or set of them. Where nothing is found, the result counts as one without elements.
        key: a JMESPath into each element, or a function of it, that tells what makes two elements the
            same; the first of these is shown. None: all of it.
        threshold: 0 to 1.
        max_supporters: keep the first so many in each row; the count stays exact. None keeps all.
        min_required: how many results there must be: a number (int), or a share of all tasks (float).

    Raises:
        UsageError: ``field`` is no JMESPath or does not fit a result, an argument is out of its range, or
            an element can be neither hashed nor written as JSON.
        TooFewResults: there are fewer results than are required.

    >>> table = frequency({"a": ["with", "lambda"], "b": ["with"], "c": []}, threshold=0.5)
    >>> [(row.element, row.count, row.supporters) for row in table.rows]
    [('with', 2, ('a', 'b'))]
    >>> frequency([{"tags": ["x"]}, {"tags": "y"}, {}], field="tags").n_elements
    2
    """
    share = _share(threshold)
    tallies, attendance = _tallied(results, field, key, max_supporters, min_required)
    rows = list(_rows(tallies, attendance, least_of(share, attendance.n_results)))
    rows.sort(key=lambda row: -row.count)  # a stable sort: ties keep their order
    n_elements = len(tallies.counts)
    return FrequencyTable(
        rows=tuple(rows), threshold=float(share), n_elements=n_elements, **attendance.told()
    )


def union(
    results: Results,
    *,
    field: str | None = None,
    key: Key = None,
    max_supporters: int | None = MAX_SUPPORTERS,
    min_required: float | None = None,
) -> UnionTable:
    """Return the elements that stand in any of ``results``, each once; see `frequency` for the arguments.

    >>> [row.element for row in union([["b", "a"], ["a", "c"]]).rows]
    ['b', 'a', 'c']
    """
    tallies, attendance = _tallied(results, field, key, max_supporters, min_required)
    rows = tuple(_rows(tallies, attendance, 1))
    return UnionTable(rows=rows, n_elements=len(rows), **attendance.told())


def intersection(
    results: Results,
    *,
    field: str | None = None,
    key: Key = None,
    max_supporters: int | None = MAX_SUPPORTERS,
    min_required: float | None = None,
) -> IntersectionTable:
    """Return the elements that stand in every one of ``results``; see `frequency` for the arguments.

    >>> [row.element for row in intersection([["b", "a"], ["a", "c"]]).rows]
    ['a']
    """
    tallies, attendance = _tallied(results, field, key, max_supporters, min_required)
    rows = tuple(_rows(tallies, attendance, attendance.n_results))
    return IntersectionTable(rows=rows, n_elements=len(tallies.counts), **attendance.told())


def key_reader(key: Key) -> KeyOf | None:
    """Return what tells whether two elements are the same: their ``key``; None for all of them."""
    if key is None:
        return None
    return identity_by(field_reader(key, "key") if isinstance(key, str) else key)


def check_supporters(max_supporters: int | None) -> None:
    """Raise UsageError where nobody can keep so many supporters."""
    if max_supporters is not None and max_supporters < 0:
        raise UsageError(f"max_supporters is {max_supporters}; expected 0 or more")


def _tallied(
    results: Results, field: str | None, key: Key, max_supporters: int | None, min_required: float | None
) -> tuple[Tallies, Attendance]:
    check_supporters(max_supporters)
    find = None if field is None else field_reader(field)
    tallies, attendance = Tallies(key_reader(key), max_supporters), Attendance(min_required)
    present = attendance.present(results)
    while block := list(islice(present, _BLOCK)):
        try:
            tallies.add(_holdings(block, find, attendance))
        except UsageError:
            _raise_with_name(block, find, key)
    return tallies, attendance


def _holdings(
    block: list[tuple[Supporter, Any]], find: Callable[[Any], Any] | None, attendance: Attendance
) -> list[Holding]:
    found = block if find is None else [(supporter, find(result)) for supporter, result in block]
    if all(type(result) is list for _, result in found):
        return found
    attendance.n_abstained += sum(result is None for _, result in found)
    return [(supporter, elements_of(result)) for supporter, result in found]


def _raise_with_name(block: list[tuple[Supporter, Any]], find: Callable[[Any], Any] | None, key: Key) -> None:
    """Raise what is wrong with a result of the block, and say whose result that is."""
    for holding in block:
        try:
            Tallies(key_reader(key), 0).add(_holdings([holding], find, Attendance()))
        except UsageError as error:
            raise unusable(holding[0], error) from error
    raise AssertionError("what can't be counted together can't be counted one by one")


def _rows(tallies: Tallies, attendance: Attendance, least: int) -> Iterator[ElementRow]:
    for element, count, supporters in tallies.all():
        if count >= least:
            yield ElementRow(element, count, count / attendance.n_results, supporters)


def _share(threshold: float | Fraction) -> Fraction:
    try:
        share = exact(threshold)
    except ValueError:
        share = Fraction(-1)  # nan, inf
    if not 0 <= share <= 1:
        raise UsageError(f"threshold is {threshold}; expected 0 to 1")
    return share
