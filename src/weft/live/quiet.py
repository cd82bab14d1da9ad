"""Nothing but what failed, once the run is over."""

from __future__ import annotations

from collections.abc import Sequence

from weft.live.streams import Streams
from weft.live.summary import early_end, failures
from weft.runtime.layout import RunFolder
from weft.scheduling.facts import Fact
from weft.views.report import Report


class QuietDisplay:
    """Writes the failures to standard error in the end."""

    def __init__(self, streams: Streams, folder: RunFolder | None = None) -> None:
        self._streams = streams
        self._folder = folder

    def show(self, facts: Sequence[Fact]) -> None:
        """Do nothing."""

    def tick(self) -> None:
        """Do nothing."""

    def finish(self, report: Report) -> None:
        """Write the failures."""
        for line in (*early_end(report), *failures(report, self._folder)):
            self._streams.err.line(line.text)

    def close(self) -> None:
        """Let go of what has been written."""
        self._streams.flush()
