"""Opens the display that a run gets; which one that is, is told by `kinds`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TextIO

from weft.live.github import Annotated
from weft.live.jsonl import JsonDisplay
from weft.live.kinds import DisplayKind
from weft.live.output import OutputMode, open_output
from weft.live.plain import PlainDisplay
from weft.live.quiet import QuietDisplay
from weft.live.streams import Lost, Streams
from weft.runtime.layout import RunFolder
from weft.runtime.watch import Display
from weft.scheduling.waiting import Queue


def open_display(
    kind: DisplayKind,
    *,
    stdout: TextIO,
    stderr: TextIO,
    folder: RunFolder | None = None,
    output: OutputMode = OutputMode.GROUP,
    verbose: bool = False,
    shows_stdout: Callable[[str], bool] = lambda task: True,
    queues: Callable[[], Sequence[Queue]] = list,
    annotate: bool = False,
    lost: Lost = lambda error: None,
) -> Display:
    """Return a display of this kind; it must be closed.

    Args:
        kind: as `choose` answers it.
        stdout: where results go.
        stderr: where progress and logs go.
        folder: the run's files; None if no task of the run writes to files.
        output: how the output of tasks is told apart.
        verbose: show starts too.
        shows_stdout: tells for a task's id whether its standard output is to be shown.
        queues: tells what tasks wait for.
        annotate: tell GitHub Actions of failures.
        lost: told why a stream takes no more; the run goes on.
    """
    streams = Streams(stdout, stderr, lost)
    if kind is DisplayKind.JSON:
        return JsonDisplay(streams, folder)
    display = _for_people(kind, streams, folder, output, verbose, shows_stdout, queues)
    return Annotated(display, streams) if annotate else display


def _for_people(
    kind: DisplayKind,
    streams: Streams,
    folder: RunFolder | None,
    output: OutputMode,
    verbose: bool,
    shows_stdout: Callable[[str], bool],
    queues: Callable[[], Sequence[Queue]],
) -> Display:
    if kind is DisplayKind.QUIET:
        return QuietDisplay(streams, folder)
    shown = open_output(output, streams, folder, shows_stdout)
    if kind is DisplayKind.PLAIN:
        return PlainDisplay(streams, shown, folder, verbose=verbose)
    # rich takes a tenth of a second to load, and only a terminal needs it.
    from weft.live.tty import TtyDisplay  # noqa: PLC0415

    return TtyDisplay(streams, shown, folder, verbose=verbose, queues=queues)
