"""What runs, and how far the run has come, drawn at the bottom of a terminal.

Output of tasks and failures go above it as they come. Facts are only counted when they arrive;
everything is drawn in `tick`, so that thousands of tasks per second cost no more than a few.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice

from rich.console import Console
from rich.progress_bar import ProgressBar
from rich.text import Text

from weft.live.events import ended_line, missed_line, started_line
from weft.live.notices import NEWS, notice
from weft.live.output import NoOutput, Output
from weft.live.prints import Prints
from weft.live.region import Drawn, Region
from weft.live.streams import Streams
from weft.live.summary import LineKind, summary
from weft.live.taken_up import taken_up_lines
from weft.live.wording import clock, one_line
from weft.model.outcome import Failed, Outcome
from weft.model.sentences import sentence
from weft.runtime.layout import RunFolder
from weft.scheduling.facts import AttemptStarted, CacheMissed, Fact, RetryScheduled, TaskEnded
from weft.scheduling.waiting import Queue
from weft.views.progress import Progress, TaskProgress
from weft.views.report import Report

WIDEST_BAR = 40
QUEUES_SHOWN = 3
STYLES = {
    LineKind.COUNTS: "bold",
    LineKind.WARNING: "yellow",
    LineKind.LEFT_OUT: "yellow",
    LineKind.FAILURE: "bold red",
    LineKind.LOG: "",
}


class _RunClock:
    """Tells the time of the run's own clock, of which only the facts' moments are known."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._behind: float | None = None

    def saw(self, at: float) -> None:
        behind = self._clock() - at
        # A fact is never seen before it happens: the smallest distance is the truest.
        self._behind = behind if self._behind is None else min(self._behind, behind)

    def now(self) -> float:
        return self._clock() - (self._behind or 0.0)


class TtyDisplay:
    """Draws the run.

    Args:
        streams: where; standard error is the terminal.
        output: shows what tasks write.
        folder: where the run keeps its logs, if it does.
        verbose: show a line for each start and each end, not only for failures.
        console: what knows the colours and the size of the terminal.
        clock: a clock in seconds that goes as fast as the run's.
        queues: tells what tasks wait for that wait for no other task.
    """

    def __init__(
        self,
        streams: Streams,
        output: Output,
        folder: RunFolder | None = None,
        *,
        verbose: bool = False,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
        queues: Callable[[], Sequence[Queue]] = list,
    ) -> None:
        self._queues = queues
        self._streams = streams
        self._output = output
        self._folder = folder
        self._verbose = verbose
        self._failures_only = isinstance(output, NoOutput) and not verbose
        # The kinds of facts that are more than counted, besides the ends of tasks.
        self._told: set[type] = {*NEWS}
        if verbose:
            self._told.add(CacheMissed)
        if not self._failures_only:
            self._told.add(AttemptStarted)
        self._console = console or Console(file=streams.err.stream, force_terminal=True)
        self._clock = _RunClock(clock)
        self._progress = Progress()
        self._pending: list[Callable[[], None]] = []  # each writes what is to stand above the region
        self._region = Region(streams.err.control)
        streams.err.place.make_room = self._erase
        self._prints = (Prints("stdout", streams.out), Prints("stderr", streams.err))
        for prints in self._prints:
            prints.begin()

    def show(self, facts: Sequence[Fact]) -> None:
        """Count the facts; they are seen at the next tick."""
        progress, pending, told = self._progress, self._pending, self._told
        fold = progress.fold
        pending += [partial(self._line, line, "dim") for line in taken_up_lines(facts)]
        for fact in facts:
            if type(fact) is TaskEnded and self._shows(fact.outcome):
                # Looked up first: with its end, a task is forgotten.
                task = progress.task(fact.task)
                if not task.is_taken_over:
                    pending.append(partial(self._ended, task, fact.outcome))
            fold(fact)
            if type(fact) in told:
                self._tell(fact)
        if facts:
            self._clock.saw(facts[-1].at)

    def tick(self) -> None:
        """Write what has come above the region, then draw the region."""
        self._write_pending()
        self._output.tick()
        for prints in self._prints:
            prints.show()
        if self._progress.began is not None:
            self._draw()
        self._streams.flush()

    def finish(self, report: Report) -> None:
        """Put the summary in the place of the region."""
        self.close()
        for line in summary(report, self._folder):
            self._streams.err.line(self._colored(Text(line.text, STYLES[line.kind])))
        self._streams.flush()

    def close(self) -> None:
        """Take the region away and let others print again."""
        try:
            self._write_pending()
        finally:
            self._erase()
            for prints in self._prints:
                prints.end()
            self._streams.flush()

    def _shows(self, outcome: Outcome) -> bool:
        return not self._failures_only or isinstance(outcome, Failed)

    def _tell(self, fact: Fact) -> None:
        progress, pending = self._progress, self._pending
        if isinstance(fact, AttemptStarted):
            attempt = fact.attempt
            pending.append(partial(self._started, progress.task(attempt.task), attempt.number))
        elif isinstance(fact, CacheMissed):
            line = missed_line(progress.task(fact.attempt.task), fact.because)
            pending.append(partial(self._line, line, "dim"))
        elif isinstance(fact, RetryScheduled):
            pending.append(partial(self._output.retried, progress.task(fact.attempt.task).id))
        # Its words are made at once: later the task may be at another attempt.
        if (told := notice(fact, progress)) is not None:
            pending.append(partial(self._line, told, STYLES[LineKind.WARNING]))

    def _write_pending(self) -> None:
        pending, self._pending = self._pending, []
        for write in pending:
            write()

    def _started(self, task: TaskProgress, attempt: int) -> None:
        self._output.started(task.id)
        if self._verbose:
            self._line(started_line(task, attempt), "dim")

    def _ended(self, task: TaskProgress, outcome: Outcome) -> None:
        if task.spent_s is not None:
            self._output.ended(task.id)
        if isinstance(outcome, Failed):
            self._line(ended_line(task, outcome), STYLES[LineKind.FAILURE])
        elif self._verbose:
            self._line(ended_line(task, outcome), "")

    def _line(self, text: str, style: str) -> None:
        self._streams.err.line(self._colored(Text(text, style)))

    def _draw(self) -> None:
        columns, rows = self._size()
        # The last column stays free: a terminal that has been written full breaks the line.
        lines = self._drawn(list(self._lines(columns, rows - 1)), columns - 1)
        if not self._region.visible:
            self._streams.flush()
            self._streams.err.end_line()
        self._region.draw(lines, columns)

    def _erase(self) -> None:
        if self._region.visible:
            self._region.erase(self._size()[0])

    def _size(self) -> tuple[int, int]:
        """Return columns and rows of the window as it is now."""
        try:
            columns, rows = os.get_terminal_size(self._streams.err.stream.fileno())
        except (OSError, ValueError):  # no terminal of the system
            columns, rows = self._console.size
        return columns or 80, rows or 24  # a terminal that doesn't know its size says 0

    def _lines(self, columns: int, rows: int) -> Iterator[Text]:
        now = self._clock.now()
        running = self._progress.running
        rows -= 1  # for the totals
        waiting = list(self._waiting(columns))[: rows // 4]
        rows -= len(waiting)
        shown = len(running) if len(running) <= rows else max(0, rows - 1)
        for task in islice(running, shown):
            elapsed = clock(now - task.started) if task.started is not None else ""
            yield Text.assemble(f"{elapsed:>8}", "  ", (one_line(task.id, longest=columns), "cyan"))
        if shown < len(running) and rows > 0:
            yield Text(f"{'':8}  and {len(running) - shown} more", "dim")
        yield from waiting
        yield self._totals(now, columns)

    def _waiting(self, columns: int) -> Iterator[Text]:
        """Yield how many tasks wait at which gate, and for other tasks."""
        queues = self._queues()
        for queue in queues[:QUEUES_SHOWN]:
            because = one_line(sentence(queue.because), longest=columns)
            yield Text(f"{queue.count:>8}  waiting: {because}", "dim")
        others = self._progress.waiting - sum(queue.count for queue in queues) if queues else 0
        if others > 0:
            yield Text(f"{others:>8}  waiting for tasks before them", "dim")

    def _totals(self, now: float, columns: int) -> Text:
        progress = self._progress
        line = Text.assemble((f" {progress.done}/{progress.added}", "bold"))
        if progress.failed:
            line.append(f"  {progress.failed} failed", STYLES[LineKind.FAILURE])
        if progress.cached:
            line.append(f"  {progress.cached} cached")
        if progress.backing_off:
            line.append(f"  {progress.backing_off} backing off", STYLES[LineKind.WARNING])
        if progress.is_ending:
            line.append("  ending", "bold yellow")
        line.append(f"  {_rate(progress.rate(now))}")
        line.append(f"  {clock(now - (progress.began or 0.0))}")
        remaining_s = progress.remaining_s(now)
        if remaining_s is not None and remaining_s >= 1.0:  # else it is overdue, or as good as done
            line.append(f"  {clock(remaining_s)} left")
        # The bar takes what the words leave: they say more.
        room = columns - 1 - line.cell_len
        return self._bar(max(5, min(WIDEST_BAR, columns // 3, room))).append(line)

    def _bar(self, columns: int) -> Text:
        progress = self._progress
        bar = ProgressBar(total=max(1, progress.added), completed=progress.done, width=columns)
        segments = self._console.render(bar, self._console.options.update_width(columns + 1))
        return Text.assemble(*((segment.text, segment.style or "") for segment in segments))

    def _drawn(self, lines: Sequence[Text], columns: int) -> list[Drawn]:
        for line in lines:
            line.truncate(max(1, columns), overflow="ellipsis")
        # In one piece: the console takes long to begin, and little for each line.
        colored = self._colored(Text("\n").join(lines)).split("\n")
        return [Drawn(text, line.cell_len) for text, line in zip(colored, lines, strict=True)]

    def _colored(self, text: Text) -> str:
        """Return ``text`` with its colours as this terminal wants them."""
        with self._console.capture() as captured:
            self._console.print(text, end="", soft_wrap=True, highlight=False)
        return captured.get()


def _rate(rate: float) -> str:
    return f"{rate:.0f}/s" if rate >= 10.0 else f"{rate:.1f}/s"
