"""One value made of all results by the user's own function: `reduce`.

Knows functions. A command is given the results by `runtime.aggregates`, and what it makes of them ends up
as a Reduction, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft.errors import UsageError
from weft.views.aggregate.attendance import Attendance, Made, Results, counted
from weft.views.aggregate.identity import text_of
from weft.views.aggregate.lists import found_in

_NOTHING: Any = object()


class Reduction(Made, frozen=True, kw_only=True, tag="reduce"):
    """What was made of the results."""

    value: Any

    def to_markdown(self) -> str:
        """Return a sentence, and the value as code."""
        text = text_of(self.value)
        sentence = f"Made of {counted(self.n_results, 'result')}.{self.rest()}"
        return f"{sentence}\n\n{''.join(f'    {line}' for line in text.splitlines(keepends=True))}\n"


def reduce(
    results: Results,
    function: Callable[[Any, Any], Any],
    initial: Any = _NOTHING,
    *,
    field: str | None = None,
    min_required: float | None = None,
) -> Reduction:
    """Return what ``function`` makes of ``results``, from the first to the last.

    Args:
        results: outcomes or values, by task or in a row; see `frequency`.
        function: given what was made so far and the next value, returns what is made of both.
        initial: what there is before the first value; without it, the first value.
        field: see `ordered`.
        min_required: see `ordered`.

    Raises:
        UsageError: ``field`` is no JMESPath or does not fit a result; or there is neither a value nor
            ``initial``.
        TooFewResults: there are fewer results than are required.

    >>> reduce([3, 1, 2], max).value
    3
    """
    attendance = Attendance(min_required)
    made = initial
    for entry in found_in(results, field, attendance):
        made = entry.value if made is _NOTHING else function(made, entry.value)
    if made is _NOTHING:
        raise UsageError("there is nothing to reduce; give an `initial`, if that may be so")
    return Reduction(value=made, **attendance.told())
