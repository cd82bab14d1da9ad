"""Aggregation: the results of many tasks become one table.

Knows results and outcomes, in plan order. What a user declares stands in `model.aggregate`; users see
this file as `weft.aggregate`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any
from warnings import catch_warnings

import jmespath
import msgspec
from jmespath.exceptions import EmptyExpressionError, IncompleteExpressionError, LexerError, ParseError
from jmespath.functions import Functions

from weft.errors import UsageError
from weft.model.aggregate import COMMON, Aggregate
from weft.model.group import Group
from weft.model.outcome import Cancelled, Failed, Outcome, Skipped, Succeeded
from weft.model.task import Task
from weft.planning.names import Names
from weft.planning.nearest import nearest

Supporter = str | int  # the id of a task, or the position of a result that came without one


class FrequencyRow(msgspec.Struct, frozen=True):
    """An element that is common: how many results hold it, which share of all that is, and which they are."""

    element: Any
    count: int
    frequency: float
    supporters: tuple[Supporter, ...]


class FrequencyTable(msgspec.Struct, frozen=True):
    """The elements that stand in at least ``threshold`` (0 to 1) of ``n_results`` results.

    ``rows`` goes from the most frequent element to the least; those that are equally frequent stand
    in the order in which they first appeared. ``n_elements`` is how many different elements there
    were, common or not; ``n_absent`` how many tasks had no result.
    """

    rows: tuple[FrequencyRow, ...]
    threshold: float
    n_results: int
    n_elements: int
    n_absent: int = 0

    def to_json(self) -> str:
        """Return the table as indented JSON; an element that JSON has no form for is shown as its `str`."""
        return msgspec.json.format(msgspec.json.encode(self, enc_hook=str), indent=2).decode() + "\n"

    def to_markdown(self, *, max_supporters: int = 5) -> str:
        """Return a sentence, and a table with at most ``max_supporters`` names in each row."""
        lines = [self._summary()]
        if self.rows:
            lines += ["", "| element | count | % | supported by |", "|---|---:|---:|---|"]
            lines += [_markdown_row(row, max_supporters) for row in self.rows]
        return "\n".join(lines) + "\n"

    def _summary(self) -> str:
        share = f"{self.threshold * 100:g}%"
        absent = f" {self.n_absent} more tasks had no result." if self.n_absent else ""
        return (
            f"{len(self.rows)} of {self.n_elements} elements stand in at least {share}"
            f" of {self.n_results} results.{absent}"
        )


class NotMade(msgspec.Struct, frozen=True):
    """In place of a table that a run could not make from its results."""

    why: str


class _Tally:
    """One element and who has been seen to hold it."""

    __slots__ = ("count", "element", "supporters")

    def __init__(self, element: Any) -> None:
        self.element = element
        self.count = 0
        self.supporters: list[Supporter] = []


def frequency(
    results: Mapping[str, Any] | Iterable[Any],
    *,
    field: str | None = None,
    threshold: float | Fraction = COMMON,
    max_supporters: int | None = None,
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
            ``n_absent``.
        field: a JMESPath into each result, leading to one element or a list of them; the result is then
            seen as the JSON that it makes. None: the result itself is the element, or the list, tuple
            or set of them. Where nothing is found, the result counts as one without elements.
        threshold: 0 to 1.
        max_supporters: keep the first so many in each row; the count stays exact. None keeps all.

    Raises:
        UsageError: ``field`` is no JMESPath or does not fit a result, an argument is out of its range, or
            an element can be neither hashed nor written as JSON.

    >>> table = frequency({"a": ["with", "lambda"], "b": ["with"], "c": []}, threshold=0.5)
    >>> [(row.element, row.count, row.supporters) for row in table.rows]
    [('with', 2, ('a', 'b'))]
    >>> frequency([{"tags": ["x"]}, {"tags": "y"}, {}], field="tags").n_elements
    2
    """
    share = _share(threshold)
    if max_supporters is not None and max_supporters < 0:
        raise UsageError(f"max_supporters is {max_supporters}; expected 0 or more")
    find = field_reader(field)
    tallies: dict[object, _Tally] = {}
    n_results = n_absent = 0
    for supporter, result in results.items() if isinstance(results, Mapping) else enumerate(results):
        if isinstance(result, Failed | Cancelled | Skipped | BaseException):
            n_absent += 1
            continue
        n_results += 1
        try:
            found = _distinct(find(result.value if isinstance(result, Succeeded) else result))
        except UsageError as error:
            raise UsageError(f"the result of {_named(supporter)} can't be counted: {error}") from error
        for key, element in found.items():
            tally = tallies.get(key) or tallies.setdefault(key, _Tally(element))
            tally.count += 1
            if max_supporters is None or len(tally.supporters) < max_supporters:
                tally.supporters.append(supporter)
    least = math.ceil(share * n_results)
    rows = tuple(_rows(tallies.values(), least, n_results))
    return FrequencyTable(rows, float(share), n_results, len(tallies), n_absent)


def aggregate_plan(
    aggregates: Mapping[str, Aggregate],
    tasks: Sequence[Task],
    outcomes: Mapping[str, Outcome],
    groups: Mapping[str, Group] | None = None,
) -> dict[str, FrequencyTable | NotMade]:
    """Return the table of each of ``aggregates``, by its name.

    Never raises for what the tasks gave: the report of a run must not be lost over one of its tables.

    Args:
        aggregates: whose sources name tasks, or families and groups, which stand for all their members.
        tasks: all tasks of the run, in plan order.
        outcomes: the outcome of each of them, by id.
        groups: of the plan.
    """
    names = Names(tasks, groups)
    made: dict[str, FrequencyTable | NotMade] = {}
    for title, aggregate in aggregates.items():
        ids = [tasks[position].id for position in sorted(names.positions(aggregate.source))]
        counted = {task: outcomes[task] for task in ids}
        try:
            made[title] = frequency(counted, field=aggregate.field, threshold=aggregate.threshold)
        except UsageError as error:
            made[title] = NotMade(str(error))
    return made


def field_reader(field: str | None) -> Callable[[Any], Any]:
    """Return a function from a result to what stands under ``field``, a JMESPath, or to the result itself.

    Raises:
        UsageError: ``field`` is no JMESPath. Raised here, before any result is there; what the
            function that is returned raises is a UsageError as well.
    """
    if field is None:
        return lambda result: result
    try:
        with catch_warnings(action="ignore", category=PendingDeprecationWarning):
            expression = jmespath.compile(field)  # which warns of an old way to write literals
    except (ValueError, RecursionError) as error:  # jmespath's own errors are ValueErrors
        raise UsageError(_what_is_wrong(field, error)) from error
    _check_functions(field, expression.parsed)

    def find(result: Any) -> Any:
        document = msgspec.json.decode(_canonical(result))
        try:
            return expression.search(document)
        except (ValueError, TypeError) as error:
            raise UsageError(f"field `{field}`: {error}") from error

    return find


def _what_is_wrong(field: str, error: Exception) -> str:
    match error:
        case RecursionError():
            return f"field `{field[:60]}…` is no JMESPath that can be read: it is nested too deeply"
        case EmptyExpressionError():
            return "field is empty; expected a JMESPath, or None for the whole result"
        case IncompleteExpressionError():
            why, position = "it ends too early", len(field)
        case LexerError():
            why, position = error.message, error.lexer_position
        case ParseError():
            why, position = error.msg, error.lex_position
        case _:
            return f"field `{field}` is no JMESPath: {error}"
    return (
        f"field `{field}` is no JMESPath: {why}, at character {position + 1}\n  {field}\n  {' ' * position}^"
    )


def _check_functions(field: str, node: Mapping[str, Any]) -> None:
    """Refuse functions that JMESPath doesn't have: the library itself notices when it calls them."""
    known = Functions.FUNCTION_TABLE
    if node["type"] == "function_expression" and node["value"] not in known:
        near = nearest(node["value"], known)
        hint = f"\n  hint: did you mean `{near}`?" if near else ""
        at = field.find(node["value"]) + 1
        raise UsageError(
            f"field `{field}` calls `{node['value']}`, which JMESPath does not have, at character {at}{hint}"
        )
    for child in node["children"]:
        if isinstance(child, dict):
            _check_functions(field, child)


def _share(threshold: float | Fraction) -> Fraction:
    """Return ``threshold`` as the decimal number that its text shows, not the binary one beside it."""
    try:
        share = Fraction(str(threshold))
    except ValueError:
        share = Fraction(-1)  # nan, inf
    if not 0 <= share <= 1:
        raise UsageError(f"threshold is {threshold}; expected 0 to 1")
    return share


def _distinct(found: Any) -> dict[object, Any]:
    """Return the elements of one result, each once, by what makes two of them the same."""
    return {_key(element): element for element in _elements(found) if element is not None}


def _elements(found: Any) -> Sequence[Any]:
    if isinstance(found, list | tuple):
        return found
    if isinstance(found, set | frozenset):
        return sorted(found, key=_text)  # a set has another order in every process
    return (found,)


def _key(element: Any) -> object:
    if type(element) is str:
        return element
    try:
        hash(element)
    except TypeError:
        return _canonical(element)
    return type(element), element


def _canonical(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value, order="deterministic")
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise UsageError(f"it has no form in JSON: {error}") from error


def _rows(tallies: Iterable[_Tally], least: int, n_results: int) -> Iterator[FrequencyRow]:
    common = [tally for tally in tallies if tally.count >= least]
    for tally in sorted(common, key=lambda tally: -tally.count):  # a stable sort: ties keep their order
        yield FrequencyRow(tally.element, tally.count, tally.count / n_results, tuple(tally.supporters))


def _named(supporter: Supporter) -> str:
    return f"`{supporter}`" if isinstance(supporter, str) else f"number {supporter}"


# What Markdown shows as it is written; anything else becomes code.
_PLAIN = re.compile(r"[^\W_](?:[^\W_]|[ .,:%+/()'-])*")


def _markdown_row(row: FrequencyRow, max_supporters: int) -> str:
    names = [_cell(supporter) for supporter in row.supporters[:max_supporters]]
    n_more = row.count - len(names)
    if n_more:
        names.append(f"{n_more} more")
    return f"| {_cell(row.element)} | {row.count} | {row.frequency * 100:.1f} | {', '.join(names)} |"


def _cell(value: Any) -> str:
    text = _text(value)
    if _PLAIN.fullmatch(text):
        return text
    # The fence must be longer than any run of backticks inside, and a pipe would end the cell.
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    padding = " " if text.startswith("`") or text.endswith("`") or not text else ""
    return f"{fence}{padding}{text}{padding}{fence}".replace("|", "\\|")


def _text(value: Any) -> str:
    if isinstance(value, str) and value.isprintable():
        return value
    try:
        return msgspec.json.encode(value, order="deterministic", enc_hook=str).decode()
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError):
        return repr(value)
