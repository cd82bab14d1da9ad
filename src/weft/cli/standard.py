"""The standard streams of this process: open while it runs, let go of in the end.

Knows file descriptors. What is written is decided by the commands and their displays.
"""

from __future__ import annotations

import errno
import os
import sys


def make_sure_of_streams() -> None:
    """Open what the caller has closed (`weft run >&-`): no other file may get the number of a stream."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            nothing = os.open(os.devnull, os.O_RDWR)
            if nothing != number:
                os.dup2(nothing, number)
                os.close(nothing)
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - for the whole life
            setattr(sys, name, stream)


def write(text: str) -> None:
    """Write ``text`` to standard output; what its encoding does not know is written as an escape."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()


def let_go() -> None:
    """Write out what waits in buffers. A reader that has gone (`weft graph | head`) is no mistake.

    Raises:
        OSError: what was written can't be kept, since the disk is full, say.
    """
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            stream.flush()
        except OSError as error:
            # Else Python tries it again when it ends, and complains.
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)
            if error.errno != errno.EPIPE:
                raise
