"""Copies of files, named by what they hold: outputs, logs and results.

They are copies, never further names of the user's files: of two names of one file, who writes to one in place
writes to the other, and a program may do so years later.
"""

from __future__ import annotations

import os
from contextlib import suppress

from weft.cache.saved import Shelf, place
from weft.disk.clone import copy_file
from weft.disk.content import digest_of, digest_of_bytes

MODE = 0o444  # nobody's to write to


class Changed(Exception):
    """The file does not hold what it is said to hold."""


def keep_file(shelf: Shelf, path: str, digest: str | None = None) -> str:
    """Keep a copy of the file ``path`` and return its digest.

    Args:
        shelf: where to.
        path: the file.
        digest: of what it is said to hold.

    Raises:
        Changed: it holds something else.
        OSError: it can't be read, or no copy can be made.
    """
    if digest is not None and os.path.exists(shelf.blob(digest)):
        return digest
    made = shelf.making()
    try:
        copy_file(path, made)
        found = digest_of(made)  # what the copy holds, whatever becomes of the file
        if digest not in (None, found):
            raise Changed(path)
        os.chmod(made, MODE)
        place(made, shelf.blob(found))
    except BaseException:
        with suppress(OSError):
            os.unlink(made)
        raise
    return found


def keep_bytes(shelf: Shelf, content: bytes) -> str:
    """Keep ``content`` and return its digest.

    Raises:
        OSError: it can't be written.
    """
    digest = digest_of_bytes(content)
    if not os.path.exists(shelf.blob(digest)):
        shelf.write_bytes(shelf.blob(digest), content, MODE)
    return digest


def take_out(shelf: Shelf, digest: str) -> str:
    """Return the path of a new file with the content that ``digest`` names.

    Raises:
        FileNotFoundError: no copy is kept of it.
        Changed: the copy is not what was put there. It has been dropped.
        OSError: it can't be read, or no file can be made.
    """
    made = shelf.making()
    try:
        copy_file(shelf.blob(digest), made)
        if digest_of(made) != digest:
            drop(shelf, digest)
            raise Changed(digest)
    except BaseException:
        with suppress(OSError):
            os.unlink(made)
        raise
    return made


def read(shelf: Shelf, digest: str) -> bytes:
    """Return the content that ``digest`` names.

    Raises:
        FileNotFoundError, Changed, OSError: as in `take_out`.
    """
    with open(shelf.blob(digest), "rb") as file:
        content = file.read()
    if digest_of_bytes(content) != digest:
        drop(shelf, digest)
        raise Changed(digest)
    return content


def drop(shelf: Shelf, digest: str) -> None:
    """Remove a copy that is not what it is said to be."""
    with suppress(OSError):
        os.unlink(shelf.blob(digest))
