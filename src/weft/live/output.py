"""What tasks write, passed on to the person who watches.

Tasks write to files (`runtime.layout`); this reads the files. Bytes are passed on as they are, and
in pieces: neither does an output have to be text, nor does it have to fit into memory. Files are
open for as long as they are read only, so that many tasks need few file descriptors.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Protocol

from weft.live.streams import Sink, Streams
from weft.live.wording import group_line, one_line
from weft.runtime.layout import RunFolder

PIECE_BYTES = 1 << 16
# How far one task is followed in one tick, so that one that writes much holds up nobody.
STEP_BYTES = 1 << 22


class OutputMode(Enum):
    """How the output of tasks that run at the same time is told apart."""

    GROUP = "group"  # the whole of a task's output when it has ended
    PREFIXED = "prefixed"  # line by line, each with the task's name before it
    INTERLEAVED = "interleaved"  # line by line


class Output(Protocol):
    """Shows what tasks write."""

    def started(self, task: str) -> None:
        """An attempt at ``task`` begins."""

    def retried(self, task: str) -> None:
        """An attempt at ``task`` failed, and the next one begins its files anew: show what is left."""

    def ended(self, task: str) -> None:
        """``task`` will write no more: show what is left."""

    def tick(self) -> None:
        """Show what has been written since."""


def open_output(
    mode: OutputMode, streams: Streams, folder: RunFolder | None, shows_stdout: Callable[[str], bool]
) -> Output:
    """Return what shows the output of tasks.

    Args:
        mode: how it is shown.
        streams: where.
        folder: the run's files; None if no task of the run has any.
        shows_stdout: tells for a task's id whether its standard output is to be shown. That of a
            task whose result is read from it is not.
    """
    if folder is None:
        return NoOutput()
    if mode is OutputMode.GROUP:
        return Grouped(streams, folder, shows_stdout)
    return Followed(streams, folder, shows_stdout, prefixed=mode is OutputMode.PREFIXED)


class NoOutput:
    """Shows nothing."""

    def started(self, task: str) -> None:
        """Do nothing."""

    def retried(self, task: str) -> None:
        """Do nothing."""

    def ended(self, task: str) -> None:
        """Do nothing."""

    def tick(self) -> None:
        """Do nothing."""


class Grouped:
    """Shows the whole output of a task at once, under its name."""

    def __init__(self, streams: Streams, folder: RunFolder, shows_stdout: Callable[[str], bool]) -> None:
        self._streams = streams
        self._folder = folder
        self._shows_stdout = shows_stdout

    def started(self, task: str) -> None:
        """Do nothing: the output is shown in the end."""

    def retried(self, task: str) -> None:
        """Show the output so far, all of it beside the results: these come from the last attempt alone."""
        self._show(task, self._streams.err)

    def ended(self, task: str) -> None:
        """Show the output of ``task``, if there is any."""
        self._show(task, self._streams.out)

    def _show(self, task: str, out: Sink) -> None:
        files = [(self._folder.stderr(task), self._streams.err)]
        if self._shows_stdout(task):
            files.insert(0, (self._folder.stdout(task), out))
        written = [(path, sink) for path, sink in files if _size_bytes(path)]
        if written:
            self._streams.err.line(group_line(task))
        for path, sink in written:
            _Followed(path, sink, b"").show_rest()

    def tick(self) -> None:
        """Do nothing: the output is shown in the end."""


class Followed:
    """Shows lines as they are written; a line that is not complete yet is kept back."""

    def __init__(
        self, streams: Streams, folder: RunFolder, shows_stdout: Callable[[str], bool], *, prefixed: bool
    ) -> None:
        self._streams = streams
        self._folder = folder
        self._shows_stdout = shows_stdout
        self._prefixed = prefixed
        self._running: dict[str, list[_Followed]] = {}

    def started(self, task: str) -> None:
        """Follow ``task`` from now on."""
        prefix = f"{one_line(task)} | ".encode() if self._prefixed else b""
        followed = [_Followed(self._folder.stderr(task), self._streams.err, prefix)]
        if self._shows_stdout(task):
            followed.insert(0, _Followed(self._folder.stdout(task), self._streams.out, prefix))
        self._running[task] = followed

    def retried(self, task: str) -> None:
        """Show what is left: it can't be known before whether lines come from the last attempt."""
        self.ended(task)

    def ended(self, task: str) -> None:
        """Show what is left, be the last line complete or not."""
        for followed in self._running.pop(task, ()):
            followed.show_rest()

    def tick(self) -> None:
        """Show the lines that have been completed since."""
        for task in self._running.values():
            for followed in task:
                followed.show_lines()


class _Followed:
    """One file that is written by a task, and how much of it has been shown."""

    def __init__(self, path: Path, sink: Sink, prefix: bytes) -> None:
        self._path = path
        self._sink = sink
        self._prefix = prefix
        self._shown = 0
        self._searched = 0  # no line ends between what has been shown and here

    def show_lines(self) -> None:
        size = _size_bytes(self._path)
        if size == self._searched:
            return
        try:
            with open(self._path, "rb", buffering=0) as file:
                if size < self._searched:  # begun anew
                    self._shown = self._searched = 0
                limit = min(size, self._searched + STEP_BYTES)
                end = _end_of_lines(file.fileno(), self._searched, limit)
                self._searched = limit
                if end is not None:
                    self._copy(file.fileno(), end)
                    self._searched = end
        except OSError:
            pass  # too many open files, say: the next tick or the end brings what is missing

    def show_rest(self) -> None:
        try:
            with open(self._path, "rb", buffering=0) as file:
                self._copy(file.fileno(), os.fstat(file.fileno()).st_size)
        except FileNotFoundError:
            pass  # it has written nothing, or never began
        except OSError as error:
            self._sink.line(f"can't show {one_line(str(self._path))}: {error.strerror}")

    def _copy(self, fd: int, end: int) -> None:
        if self._shown < end:
            self._sink.end_line()
        while self._shown < end:
            piece = os.pread(fd, min(PIECE_BYTES, end - self._shown), self._shown)
            if not piece:
                return
            self._shown += len(piece)
            self._sink.data(self._with_prefix(piece) if self._prefix else piece)

    def _with_prefix(self, piece: bytes) -> bytes:
        begin = self._prefix if self._sink.place.whole_line else b""
        last = b"\n" if piece.endswith(b"\n") else b""
        return begin + piece.removesuffix(b"\n").replace(b"\n", b"\n" + self._prefix) + last


def _end_of_lines(fd: int, begin: int, end: int) -> int | None:
    """Return where the last line that ends between ``begin`` and ``end`` does; search from the end."""
    while begin < end:
        at = max(begin, end - PIECE_BYTES)
        found = os.pread(fd, end - at, at).rfind(b"\n")
        if found >= 0:
            return at + found + 1
        end = at
    return None


def _size_bytes(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
