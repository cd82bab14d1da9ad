"""Locks on files that tell who is at work: they end with the process that holds them, however that ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def hold(path: Path) -> int:
    """Lock the file at ``path``, made if need be; return what holds the lock until it is let go.

    Raises:
        BlockingIOError: somebody holds it.
        OSError: there can't be such a file.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise
    return fd


def is_held(path: Path) -> bool:
    """Tell whether somebody holds it."""
    try:
        fd = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def let_go(fd: int) -> None:
    """Unlock what `hold` has locked, also for a child that was forked meanwhile."""
    fcntl.flock(fd, fcntl.LOCK_UN)
    os.close(fd)
