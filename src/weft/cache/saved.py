"""Files of the cache: written at once or not at all, by whoever comes.

A file is made under a name of its own and then given its place, so that no reader sees half of it. Nothing
waits for the disk: after a loss of power a file may be empty or cut off, which is seen when it is read.
"""

from __future__ import annotations

import itertools
import os
import secrets
from contextlib import suppress

import msgspec

from weft.disk.values import encoded

KEYS = ".keys"  # behind the name of a plan: the keys of its results
FOLDERS = ("entries", "blobs", "tasks", "plans", "pins", "making", "leaving")


class Shelf:
    """The folders of the cache.

    ``name`` stands in front of all that is made here and has no place yet: so it can be told whose it is.
    """

    def __init__(self, folder: str | os.PathLike[str], name: str | None = None) -> None:
        self.folder = os.path.abspath(folder)
        self.name = name or f"{os.getpid()}-{secrets.token_hex(6)}"
        self._numbers = itertools.count(1)

    def make(self) -> None:
        """Make the folders.

        Raises:
            OSError: they can't be made.
        """
        for name in FOLDERS:
            os.makedirs(f"{self.folder}/{name}", mode=0o700, exist_ok=True)

    def entry(self, key: str) -> str:
        return f"{self.folder}/entries/{key[:2]}/{key}"

    def blob(self, digest: str) -> str:
        return f"{self.folder}/blobs/{digest[:2]}/{digest}"

    def task(self, name: str) -> str:
        return f"{self.folder}/tasks/{name}"

    def making(self) -> str:
        """Return a path for something that has no place yet."""
        return f"{self.folder}/making/{self.name}.{next(self._numbers)}"

    def write(self, path: str, value: msgspec.Struct) -> None:
        """Write ``value`` as JSON, in the place of what may be there.

        Raises:
            OSError: it can't be written. What was there is still there.
        """
        self.write_bytes(path, encoded(value))

    def write_bytes(self, path: str, content: bytes, mode: int = 0o600) -> None:
        """Write ``content`` in the place of what may be there.

        Raises:
            OSError: as above.
        """
        made = self.making()
        try:
            fd = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
            with open(fd, "wb") as file:
                file.write(content)
            place(made, path)
        except OSError:
            with suppress(OSError):
                os.unlink(made)
            raise


def place(made: str, path: str) -> None:
    """Move the file ``made`` to ``path``, the directory of which may be missing.

    Raises:
        OSError: it can't be moved.
    """
    try:
        os.replace(made, path)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        os.replace(made, path)


def names_in(folder: str) -> list[tuple[str, str]]:
    """Return names and paths of the files one level below ``folder``."""
    found = []
    for inner in _listed(folder):
        found += [(name, f"{folder}/{inner}/{name}") for name in _listed(f"{folder}/{inner}")]
    return found


def _listed(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
