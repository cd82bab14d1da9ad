"""Standard output and standard error, written as bytes and kept from running into each other.

Knows streams and lines. What is written, and in which order, is decided by the displays.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TextIO

import msgspec


class Place(msgspec.Struct):
    """What is remembered of the place where a stream ends; two streams may end at the same one."""

    whole_line: bool = True  # whether what comes next begins a line
    writer: Sink | None = None  # who may hold unwritten bytes
    make_room: Callable[[], None] | None = None  # takes away what must not be written over


Lost = Callable[[OSError], object]


class Sink:
    """One stream. Bytes pass through it as they are, whatever the encoding of the stream.

    What can't be written any more must not take the run with it. ``lost`` is told why, once, except
    where a reader has gone (`weft run | head`), who wants no more.
    """

    def __init__(self, stream: TextIO, place: Place, lost: Lost) -> None:
        self.stream = stream
        self.place = place
        self._lost = lost
        self._gone = False

    def line(self, text: str) -> None:
        """Write one line of our own."""
        self.end_line()
        self.text(text + "\n")

    def text(self, text: str) -> None:
        """Write ``text``, in the encoding of the stream."""
        self.data(self._encoded(text))

    def end_line(self) -> None:
        """Break a line that somebody left unfinished, so that the next one does not join it."""
        if not self.place.whole_line:
            self.data(b"\n")

    def data(self, data: bytes) -> None:
        """Write ``data`` as it is."""
        if not data:
            return
        place = self.place
        if place.writer is not self:
            if place.writer is not None:
                place.writer.flush()
            place.writer = self
        if place.make_room is not None:
            place.make_room()
        place.whole_line = data.endswith(b"\n")
        self._write(data)

    def control(self, text: str) -> None:
        """Write what moves the cursor or is drawn for a moment only: it belongs to no line."""
        self._write(self._encoded(text))
        self.flush()

    def flush(self) -> None:
        """Let go of what has been written."""
        if self._gone:
            return
        try:
            self.stream.flush()
        except OSError as error:
            self._give_up(error)

    def _write(self, data: bytes) -> None:
        if self._gone:
            return
        try:
            buffer = getattr(self.stream, "buffer", None)
            if buffer is None:
                self.stream.write(data.decode(errors="replace"))
            else:
                buffer.write(data)
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self._gone = True
        if not isinstance(error, BrokenPipeError):
            self._lost(error)

    def _encoded(self, text: str) -> bytes:
        encoding = self.stream.encoding or "utf-8"
        try:
            return text.encode(encoding)
        except UnicodeEncodeError:
            return text.encode(encoding, "backslashreplace")


class Streams:
    """Standard output and standard error.

    Where both end at the same terminal, pipe or file, what is written to them stays in order.

    Args:
        stdout: where results go.
        stderr: where progress and logs go.
        lost: told why a stream takes no more, since the disk is full, say.
    """

    def __init__(self, stdout: TextIO, stderr: TextIO, lost: Lost = lambda error: None) -> None:
        self.err = Sink(stderr, Place(), lost)
        self.out = Sink(stdout, self.err.place if _same_place(stdout, stderr) else Place(), lost)
        self.flush()  # what others have written as text lies above the bytes that are written here

    def flush(self) -> None:
        """Let go of what has been written."""
        self.out.flush()
        self.err.flush()


def _same_place(one: TextIO, other: TextIO) -> bool:
    if one is other or (one.isatty() and other.isatty()):
        return True
    try:
        return os.path.sameopenfile(one.fileno(), other.fileno())
    except (OSError, ValueError, AttributeError):  # not files of the system
        return False
