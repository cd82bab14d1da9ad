"""An aggregate: how the results of several tasks become one.

Knows what the user declares. The folding is done in `views.aggregate`, what needs files or a command in
`runtime.aggregates`; when enough votes are in is decided in `scheduling.voting`.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from weft.model.share import exact
from weft.model.work import Command

# A pattern is called common when 40 % of the results mention it; whoever thinks otherwise says so.
COMMON = 0.4

# Enough to look into. Counts are exact whatever is kept, and memory grows with elements, not with results.
MAX_SUPPORTERS = 100

HEADER = "## {task}"


class Ordered(msgspec.Struct, frozen=True):
    """All results, in plan order."""


class Concat(msgspec.Struct, frozen=True):
    """The elements of all results one after the other, in plan order."""


class Union(msgspec.Struct, frozen=True):
    """The elements that stand in any result, each once."""


class Intersection(msgspec.Struct, frozen=True):
    """The elements that stand in every result, each once."""


class Frequency(msgspec.Struct, frozen=True):
    """The elements that stand in at least ``threshold`` (0 to 1) of the results."""

    threshold: float = COMMON


class Majority(msgspec.Struct, frozen=True):
    """The answer that more than half of the votes are for."""

    def suffices(self, votes: int, cast: int) -> bool:
        """Tell whether so many ``votes``, of all that were ``cast``, are enough for an answer."""
        return 2 * votes > cast


class Quorum(msgspec.Struct, frozen=True):
    """The answer that at least ``least`` votes are for: a number of them (int), or a share (float)."""

    least: int | float

    def suffices(self, votes: int, cast: int) -> bool:
        """Tell whether so many ``votes``, of all that were ``cast``, are enough for an answer.

        >>> Quorum(0.6).suffices(3, 5), Quorum(0.6).suffices(2, 5)
        (True, False)
        """
        return votes >= (self.least if isinstance(self.least, int) else exact(self.least) * cast)


class Weighted(msgspec.Struct, frozen=True):
    """The answer whose votes weigh most.

    ``weights`` are those of tasks, fan-outs or groups by name, where one that is not named weighs 1; or a
    JMESPath to the weight that each result tells itself.
    """

    weights: Mapping[str, float] | str


class Reduce(msgspec.Struct, frozen=True):
    """What ``command`` makes of all results: a JSON array on its standard input, JSON on its output."""

    command: Command


class MergeFiles(msgspec.Struct, frozen=True):
    """The texts of all tasks one after the other, in plan order, in the file ``to``.

    ``files`` are globs, in which ``{task}`` stands for the id of the task and ``{value}`` for what a
    fan-out has put between the brackets of it; without any, the text is what the task wrote to its standard
    output. ``header`` is a line before each text; in it ``{file}`` stands for the file.
    """

    to: str
    files: tuple[str, ...] = ()
    header: str = HEADER


Strategy = (
    Ordered | Concat | Union | Intersection | Frequency | Majority | Quorum | Weighted | Reduce | MergeFiles
)


class Aggregate(msgspec.Struct, frozen=True):
    """What ``strategy`` makes of the results of ``source``.

    Args:
        source: names of tasks, fan-outs or groups, or patterns with ``*`` and ``?`` for the ids of tasks.
        strategy: how the results become one.
        field: a JMESPath into each result; None: the whole result.
        key: a JMESPath into each element or answer, which tells what makes two of them the same; None: all.
        min_required: how many results it must rest on at least: a number of them (int), or a share of the
            tasks (float up to 1.0).
        max_supporters: of each element, the names of so many tasks are kept.
        stop_when_decided: leave out the voters that can't change the verdict any more.
    """

    source: tuple[str, ...]
    strategy: Strategy
    field: str | None = None
    key: str | None = None
    min_required: int | float | None = None
    max_supporters: int = MAX_SUPPORTERS
    stop_when_decided: bool = False
