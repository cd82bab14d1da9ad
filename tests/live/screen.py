"""A terminal as far as the display needs one: it shows what a person would see."""

from __future__ import annotations

import re

_PIECE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|(.)", re.DOTALL)


def screen(written: str, columns: int, rows: int) -> str:
    """Return the rows of the window after ``written``, with what has scrolled out above a line.

    An unknown sequence, or a line that runs over the last column, is an error: the display must
    not count on what terminals do then.
    """
    lines = [""]
    row = column = 0
    for number, command, char in _PIECE.findall(written):
        line = lines[row]
        if char == "\n":
            row, column = row + 1, 0
            if row == len(lines):
                lines.append("")
        elif char == "\r":
            column = 0
        elif char:
            assert char.isprintable(), repr(char)
            assert column < columns, f"a line runs over the last column: {line}"
            lines[row] = line[:column].ljust(column) + char + line[column + 1 :]
            column += 1
        elif command == "A":
            row -= int(number)
            assert row >= max(0, len(lines) - rows), "the cursor leaves the window"
        elif command == "K":
            lines[row] = line[:column]
        elif command == "J":
            del lines[row + 1 :]
            lines[row] = line[:column]
        else:
            assert command == "m", f"{number}{command}"
    gone = max(0, len(lines) - rows)
    frame = ["═" * columns]
    return "\n".join(line.rstrip() for line in [*lines[:gone], *frame, *lines[gone:], *frame]) + "\n"
