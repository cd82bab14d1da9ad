"""Files that stay: when a call returns, what it has done outlives a loss of power."""

from __future__ import annotations

import os
from pathlib import Path


def write(path: Path, content: bytes, beside: Path) -> None:
    """Write ``content`` in the place of what may be at ``path``; there is always one of both, and whole.

    Args:
        path: the file.
        content: all of it.
        beside: a path in the same directory, to which nobody else writes at the moment. What is there,
            left behind by one who was killed, is lost.

    Raises:
        OSError: it can't be written. What was there is still there.
    """
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Wait until the names in the directory ``path`` are on the disk."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
