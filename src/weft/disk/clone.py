"""Copies of files that share their blocks with the original, where the file system can do that."""

from __future__ import annotations

import errno
import os
from fcntl import ioctl

FICLONE = 0x40049409  # from <linux/fs.h>: btrfs, XFS, bcachefs, overlays on top of them

PIECE_BYTES = 1 << 20

# The file system is full, or broken: to copy the bytes one by one would not help.
_HOPELESS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO})


def copy_bytes(source: int, target: int) -> None:
    """Give the empty file ``target`` the content of ``source``; both are open, and read from the start.

    Raises:
        OSError: something can't be read or written.
    """
    try:
        ioctl(target, FICLONE, source)
        return
    except OSError as error:
        _raise_if_hopeless(error)
    try:
        while os.copy_file_range(source, target, 1 << 30):
            pass
    except OSError as error:
        _raise_if_hopeless(error)
    # Usually nothing is left. Files of some file systems claim to be empty, and are not.
    while piece := os.read(source, PIECE_BYTES):
        rest = memoryview(piece)
        while rest:
            rest = rest[os.write(target, rest) :]


def copy_file(source: str, target: str) -> None:
    """Make the file ``target`` with the content of ``source``, for its owner only.

    They never are one file under two names: who writes to one of them must not write to the other.

    Raises:
        OSError: something can't be read or written.
    """
    # Not blocking: it may have become a pipe since it was looked at.
    read = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        to = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            copy_bytes(read, to)
        finally:
            os.close(to)
    finally:
        os.close(read)


def _raise_if_hopeless(error: OSError) -> None:
    if error.errno in _HOPELESS:
        raise error
