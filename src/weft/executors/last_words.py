"""What a command says to Weft with the last lines that it writes: `weft: cost tokens=812`, and the like.

Knows files and lines. What the single words ask for is read in `retry_after` and `told_cost`.
"""

from __future__ import annotations

import os

LAST_BYTES = 512  # of an output; a line that ends here and begins before says nothing
MOST_LINES = 2  # one for each word

_TO_WEFT = b"weft: "


def last_words(path: str) -> list[bytes]:
    """Return the lines at the very end of a file that speak to Weft, the last one first.

    Args:
        path: a file, or the place of one that is not there.
    """
    words = []
    for line in reversed(_end_of(path).rsplit(b"\n", MOST_LINES)[-MOST_LINES:]):
        if not line.lstrip().startswith(_TO_WEFT):
            break
        words.append(line.strip())
    return words


def _end_of(path: str) -> bytes:
    try:
        with open(path, "rb", buffering=0) as output:
            output.seek(-min(LAST_BYTES, os.fstat(output.fileno()).st_size), os.SEEK_END)
            return output.read(LAST_BYTES).rstrip()
    except OSError:  # it has written nothing, or somebody has tidied up
        return b""
