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


def _raise_if_hopeless(error: OSError) -> None:
    if error.errno in _HOPELESS:
        raise error
