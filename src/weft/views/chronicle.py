"""The chronicle of a run: its facts, kept until somebody wants to see them in another way.

To keep them costs next to nothing; what is made of them is made when it is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from weft.scheduling.facts import Fact
from weft.views.metrics import Metrics, metrics_of
from weft.views.timeline import Timeline, timeline_of


class Chronicle:
    """All facts of a run, in order."""

    def __init__(self, facts: Sequence[Fact] = ()) -> None:
        self._facts = list(facts)

    @property
    def facts(self) -> Sequence[Fact]:
        """The facts, in order."""
        return self._facts

    def tell(self, facts: Sequence[Fact]) -> None:
        """Add the next facts; nothing must have been made of them before."""
        self._facts += facts

    @cached_property
    def metrics(self) -> Metrics:
        """The run in numbers."""
        return metrics_of(self._facts)

    @cached_property
    def timeline(self) -> Timeline:
        """What ran when, and what waited for what."""
        return timeline_of(self._facts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Chronicle) and self._facts == other._facts

    __hash__ = None  # type: ignore[assignment] # it grows

    def __repr__(self) -> str:
        return f"<{len(self._facts):,} facts>"


TOLD_NOTHING = Chronicle()
