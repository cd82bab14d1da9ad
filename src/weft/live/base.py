"""What the event loop asks of a display."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from weft.scheduling.facts import Fact
from weft.views.report import Report


class Display(Protocol):
    """Shows a run. All calls are made in the event loop's thread.

    Progress and logs go to standard error; what tasks write goes where it would go without Weft.
    """

    def show(self, facts: Sequence[Fact]) -> None:
        """Take in what has just happened; called once in each turn of the loop."""

    def tick(self) -> None:
        """Bring up to date what changes with time alone; called about ten times a second."""

    def finish(self, report: Report) -> None:
        """Show how the run ended. Nothing happens after it but `close`."""

    def close(self) -> None:
        """Leave the terminal as it was found, however the run ended; may be called twice.

        Whoever writes to the same streams between the end of the run and `finish`, calls it first.
        """
