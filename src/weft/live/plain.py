"""One line per event, without control characters: for logs, pipes and continuous integration."""

from __future__ import annotations

from collections.abc import Sequence

from weft.live.events import ended_line, missed_line, started_line
from weft.live.notices import notice
from weft.live.output import Output
from weft.live.streams import Streams
from weft.live.summary import summary
from weft.live.taken_up import taken_up_lines
from weft.model.outcome import Succeeded
from weft.runtime.layout import RunFolder
from weft.scheduling.facts import AttemptStarted, CacheMissed, Fact, RetryScheduled, TaskEnded
from weft.views.progress import Progress
from weft.views.report import Report


class PlainDisplay:
    """Writes the events to standard error as they come; starts only if ``verbose``.

    So are tasks whose result of earlier still holds: there may be thousands of them, and nothing to do.
    """

    def __init__(
        self, streams: Streams, output: Output, folder: RunFolder | None = None, *, verbose: bool = False
    ) -> None:
        self._streams = streams
        self._output = output
        self._folder = folder
        self._verbose = verbose
        self._progress = Progress()

    def show(self, facts: Sequence[Fact]) -> None:
        """Write the lines of these facts, and the output of the tasks that they end."""
        for line in taken_up_lines(facts):
            self._streams.err.line(line)
        for fact in facts:
            self._show(fact)
        self._streams.flush()

    def tick(self) -> None:
        """Write what tasks have written since."""
        self._output.tick()
        self._streams.flush()

    def finish(self, report: Report) -> None:
        """Write the summary."""
        for line in summary(report, self._folder):
            self._streams.err.line(line.text)
        self._streams.flush()

    def close(self) -> None:
        """Let go of what has been written; a terminal was never touched."""
        self._streams.flush()

    def _show(self, fact: Fact) -> None:
        progress = self._progress
        if isinstance(fact, TaskEnded):
            task = progress.task(fact.task)
            progress.fold(fact)
            if task.is_taken_over:
                return
            # A task's output comes before the line that says how it ended, as in any log.
            if task.spent_s is not None:
                self._output.ended(task.id)
            if task.is_cached and isinstance(fact.outcome, Succeeded) and not self._verbose:
                return  # nothing has happened: what it wrote once says enough
            counts = f"[{progress.done:{len(str(progress.added))}}/{progress.added}]"
            self._streams.err.line(f"{counts} {ended_line(task, fact.outcome)}")
            return
        progress.fold(fact)
        if isinstance(fact, AttemptStarted):
            task = progress.task(fact.attempt.task)
            self._output.started(task.id)
            if self._verbose:
                self._streams.err.line(started_line(task, fact.attempt.number))
        elif isinstance(fact, CacheMissed) and self._verbose:
            self._streams.err.line(missed_line(progress.task(fact.attempt.task), fact.because))
        elif isinstance(fact, RetryScheduled):
            self._output.retried(progress.task(fact.attempt.task).id)
        told = notice(fact, progress)
        if told is not None:
            self._streams.err.line(told)
