"""Locks of the system on files: held by one process until it lets go or ends, by whatever cause."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def hold(path: Path, *, waits: bool = False) -> int:
    """Lock the file at ``path``, made if need be, and return what holds the lock until `let_go`.

    Args:
        path: of the file; no link.
        waits: for as long as somebody else has it.

    Raises:
        BlockingIOError: somebody else has it.
        OSError: it can't be opened.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(fd)
        raise
    return fd


def let_go(fd: int) -> None:
    """Unlock what `hold` has locked, also for a child that was forked meanwhile."""
    fcntl.flock(fd, fcntl.LOCK_UN)
    os.close(fd)


def is_held(path: Path) -> bool:
    """Tell whether somebody has locked the file at ``path``; nobody has where there is none."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)  # and with it goes the lock, if we have got it
    return False


@contextmanager
def held(path: Path, *, waits: bool = False) -> Iterator[None]:
    """Hold the lock as long as the body takes. Arguments and errors are those of `hold`."""
    fd = hold(path, waits=waits)
    try:
        yield
    finally:
        let_go(fd)
