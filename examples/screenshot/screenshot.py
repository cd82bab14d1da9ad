"""A picture of a terminal in which `weft run` runs: `screenshot.py PICTURE [SECONDS]` writes it as SVG.

The plan beside this script is run for real, in a pseudo-terminal; what is on the screen after SECONDS is
drawn. Knows as much of terminals as the live display of Weft needs: lines, colours, going up and wiping.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from io import StringIO
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from rich.console import Console
from rich.text import Text

COLUMNS, ROWS = 80, 20
PLAN = Path(__file__).parent / "weft.yaml"
PIECE = re.compile(r"\x1b\[([0-9;]*)([A-Za-z])|(.)", re.DOTALL)
FONT_FROM_ELSEWHERE = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)


def written_by(command: list[str], folder: Path, seconds: float) -> str:
    """Return what ``command`` has written to a terminal after ``seconds``; it is interrupted then."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    changing = ("CI", "GITHUB_ACTIONS", "MAKEFLAGS", "NO_COLOR", "COLUMNS", "LINES")
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in changing and not name.startswith("WEFT")
    }
    run = subprocess.Popen(
        command,
        cwd=folder,
        env=kept | {"TERM": "xterm-256color"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    written = _read(ours, time.monotonic() + seconds)
    if run.poll() is None:
        run.send_signal(signal.SIGINT)
        _read(ours, time.monotonic() + 30)
    run.wait()
    os.close(ours)
    return written.decode()


def _read(terminal: int, until: float) -> bytes:
    written = b""
    while (left := until - time.monotonic()) > 0:
        if select.select([terminal], [], [], left)[0]:
            try:
                written += os.read(terminal, 65536)
            except OSError:  # nobody has the other end any more
                return written
    return written


def screen(written: str) -> list[Text]:
    """Return the lines of the screen after ``written``, with their colours."""
    lines: list[list[tuple[str, str]]] = [[]]  # of colours and characters
    row = column = 0
    style = ""
    for number, command, char in PIECE.findall(written):
        line = lines[row]
        if char == "\n":
            row += 1
            lines += [[]] * (row == len(lines))
        elif char == "\r":
            column = 0
        elif char:
            line += [("", " ")] * (column - len(line))
            line[column : column + 1] = [(style, char)]
            column += 1
        elif command == "A":
            row -= int(number)
        elif command in ("K", "J"):
            del line[column:]
            del lines[row + 1 if command == "J" else len(lines) :]
        elif command == "m":
            style = f"{style}\x1b[{number}m" if number.strip("0") else ""
    return [_colored(line) for line in lines]


def _colored(line: list[tuple[str, str]]) -> Text:
    alike = groupby(line, key=itemgetter(0))
    return Text.from_ansi(
        "".join(f"{style}{''.join(char for _, char in part)}\x1b[0m" for style, part in alike)
    )


def picture(lines: list[Text], title: str) -> str:
    """Return the lines as SVG."""
    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True)
    for line in lines:
        console.print(line)
    svg = console.export_svg(title=title, unique_id="weft")
    # A picture in a README must not load anything from other hosts.
    svg = FONT_FROM_ELSEWHERE.sub("", svg)
    return svg.replace("Fira Code, monospace", "Fira Code, Menlo, Consolas, DejaVu Sans Mono, monospace")


def main() -> None:
    """Run the plan in a folder that is removed afterwards, and write the picture."""
    target = Path(sys.argv[1])
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 3.4
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(PLAN, folder)
        written = written_by([sys.executable, "-m", "weft", "run"], Path(folder), seconds)
    target.write_text(picture([Text("$ weft run"), *screen(written)], title="weft"), encoding="utf-8")


if __name__ == "__main__":
    main()
