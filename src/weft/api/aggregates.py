"""Aggregates of a plan that is written in Python: what a caller declares becomes what a plan file would say.

Tells the mistakes that can be seen in one of them alone. Whether it fits the tasks is told in `planning`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from weft.errors import UsageError
from weft.model.aggregate import Aggregate, MergeFiles, Reduce, Strategy, Weighted
from weft.model.work import Command, ResultFormat
from weft.runtime.work import command_of


def aggregates_of(given: Mapping[str, Aggregate] | None) -> dict[str, Aggregate]:
    """Return the aggregates that a caller declares; where several names may stand, one is as good as a list.

    Raises:
        UsageError: one of them is no aggregate, or no JMESPath stands where one belongs.

    >>> from weft.model.aggregate import Majority
    >>> aggregates_of({"colour": Aggregate("jury", Majority())})["colour"].source
    ('jury',)
    """
    return {name: _aggregate(name, aggregate) for name, aggregate in (given or {}).items()}


def _aggregate(name: str, given: object) -> Aggregate:
    if not isinstance(given, Aggregate):
        raise UsageError(f"aggregate `{name}` is {given!r}; expected a weft.aggregate.Aggregate")
    try:
        _check_expressions(given)
        return replace(given, source=_texts(given.source), strategy=_strategy(given.strategy))
    except UsageError as error:
        raise UsageError(f"aggregate `{name}`: {error}") from None


def _strategy(given: object) -> Strategy:
    match given:
        case Reduce(command):
            return Reduce(_reducing(command))
        case MergeFiles(to, files):
            if not to:
                raise UsageError("`to` is empty; expected the path of a file")
            return replace(given, files=_texts(files))
        case _ if isinstance(given, Strategy):
            return given
    raise UsageError(f"`strategy` is {given!r}; expected a value such as weft.aggregate.Majority()")


def _reducing(given: object) -> Command:
    if not isinstance(given, Command):
        raise UsageError(
            f"a weft.Command reduces, found {given!r}\n"
            "  hint: a function that does so is a task, with the results of others as its argument"
        )
    command = command_of(given)
    if command.result not in (ResultFormat.NONE, ResultFormat.JSON):
        raise UsageError("what a command reduces to is JSON: take `result` out of it")
    return replace(command, result=ResultFormat.JSON)


def _check_expressions(given: Aggregate) -> None:
    weights = given.strategy.weights if isinstance(given.strategy, Weighted) else None
    paths = {"field": given.field, "key": given.key, "weights": weights if isinstance(weights, str) else None}
    written = {called: path for called, path in paths.items() if path is not None}
    if written:
        # The parser of JMESPaths takes a while to load, and few plans have any.
        from weft.views.aggregate.field import field_reader  # noqa: PLC0415

        for called, path in written.items():
            field_reader(path, called)


def _texts(given: str | Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)
