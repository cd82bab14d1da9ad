"""Names as the kernel writes them in its lists of mounts."""

from __future__ import annotations

import re


def plain(field: str) -> str:
    r"""Return a field of `/proc/self/mountinfo` without escapes: blanks and the like stand there in octal.

    >>> plain(r"/mnt/my\040disk")
    '/mnt/my disk'
    """
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), field)
