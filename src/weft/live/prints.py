"""What Python functions print while the terminal is drawn upon.

Functions run in this process and print whenever they like, from any thread. Their lines are kept
until the display has room for them.
"""

from __future__ import annotations

import sys
from collections import deque
from types import TracebackType
from typing import Any, TextIO

from weft.live.streams import Sink


class Prints:
    """Stands in for one of ``sys.stdout`` and ``sys.stderr`` where that is a terminal."""

    def __init__(self, name: str, sink: Sink) -> None:
        self._name = name
        self._sink = sink
        self._stand_in = _StandIn(sink.stream)

    def begin(self) -> None:
        """Keep what is printed from now on."""
        if getattr(sys, self._name) is self._sink.stream and self._sink.stream.isatty():
            setattr(sys, self._name, self._stand_in)

    def show(self) -> None:
        """Write the lines that are complete."""
        self._write(self._stand_in.take_lines())

    def end(self) -> None:
        """Write all that is left, and let printing go its own way again."""
        if getattr(sys, self._name) is self._stand_in:
            setattr(sys, self._name, self._sink.stream)
        self._write(self._stand_in.take_all())

    def _write(self, text: str) -> None:
        if text:
            self._sink.end_line()
            self._sink.text(text)


class _StandIn:
    """A stream that keeps what is written to it. Threads may write while another one takes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._written: deque[str] = deque()

    def write(self, text: str) -> int:
        self._written.append(text)
        return len(text)

    def writelines(self, lines: Any) -> None:
        self._written.extend(lines)

    def flush(self) -> None:
        """Do nothing: the display writes what is kept when it has room."""

    def take_all(self) -> str:
        written = self._written
        return "".join(written.popleft() for _ in range(len(written)))

    def take_lines(self) -> str:
        lines, end, rest = self.take_all().rpartition("\n")
        if rest:
            self._written.appendleft(rest)
        return lines + end

    def __enter__(self) -> _StandIn:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stay open, as the terminal does."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
