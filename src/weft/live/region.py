"""A few lines at the bottom of a terminal that are drawn again and again.

Knows lines and the cursor; what the lines say is decided in `tty`. The cursor is never hidden, nor
the terminal put into another mode: a process that is killed leaves nothing that must be mended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

CLEAR_LINE = "\x1b[K"
CLEAR_BELOW = "\x1b[J"


class Drawn(msgspec.Struct, frozen=True):
    """One line with its colours, and the number of columns that it takes."""

    text: str
    columns: int


class Region:
    """The lines that stand below everything else. The cursor rests at their end.

    Args:
        write: writes to the terminal, at once.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._lines: Sequence[Drawn] = ()

    @property
    def visible(self) -> bool:
        return bool(self._lines)

    def draw(self, lines: Sequence[Drawn], columns: int) -> None:
        """Draw ``lines`` in the place of the former ones, each narrower than ``columns``.

        Everything goes in one piece, and nothing is wiped that is drawn again: it does not flicker.
        """
        body = f"{CLEAR_LINE}\n".join(line.text for line in lines)
        self._write(self._to_top(columns) + body + CLEAR_BELOW)
        self._lines = lines

    def erase(self, columns: int) -> None:
        """Take the lines away; the cursor stands where the first one began."""
        if self._lines:
            self._write(self._to_top(columns) + CLEAR_BELOW)
            self._lines = ()

    def _to_top(self, columns: int) -> str:
        """Return what moves the cursor to the begin of the first line.

        When a window has become narrower, the terminal has folded lines that do not fit any more.
        """
        rows = sum(max(1, -(-line.columns // max(1, columns))) for line in self._lines)
        return "\r" + (f"\x1b[{rows - 1}A" if rows > 1 else "")
