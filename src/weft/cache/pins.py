"""What running processes use, so that nobody removes it under their hands.

Each process that uses the cache has a file with the names of what it uses, and keeps a lock on that file. The
kernel takes the lock away when the process ends, however it ends: so no file of a dead process, and none of
another process that got its number, is ever taken for that of a living one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from threading import Lock

from weft.cache.saved import Shelf


class Pin:
    """What one process uses. Opened when there is something to hold."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._path = f"{shelf.folder}/pins/{shelf.name}"
        self._fd = -1
        self._held: set[str] = set()
        self._lock = Lock()

    def hold(self, names: Iterable[str]) -> None:
        """Keep what has these ``names`` from being removed; it may have been removed already.

        Raises:
            OSError: they can't be written down.
        """
        with self._lock:
            new = sorted(set(names) - self._held)
            if self._fd < 0:
                self._open()
            if new:
                content = "".join(f"{name}\n" for name in new).encode()
                if os.write(self._fd, content) < len(content):
                    raise OSError("the disk is full")
                self._held.update(new)

    def _open(self) -> None:
        self._shelf.make()
        while self._fd < 0:
            fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            flock(fd, LOCK_EX)  # at most as long as somebody takes to remove what looks like a dead one's
            if os.fstat(fd).st_nlink:
                self._fd = fd
            else:
                os.close(fd)  # and that is what has happened

    def close(self) -> None:
        """Hold nothing any more."""
        with self._lock:
            if self._fd >= 0:
                with suppress(OSError):
                    os.unlink(self._path)
                os.close(self._fd)
                self._fd = -1
                self._held.clear()


class Pinned:
    """What all living processes hold, as it was when this was made."""

    def __init__(self, shelf: Shelf) -> None:
        self.owners: set[str] = set()
        self.names: set[str] = set()
        folder = f"{shelf.folder}/pins"
        with suppress(FileNotFoundError):
            for owner in os.listdir(folder):
                self._read(f"{folder}/{owner}", owner)

    def _read(self, path: str, owner: str) -> None:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        with open(fd, encoding="ascii") as file:
            try:
                flock(fd, LOCK_EX | LOCK_NB)
            except BlockingIOError:
                self.owners.add(owner)
                self.names.update(file.read().split("\n")[:-1])
                return
            if os.fstat(fd).st_nlink:
                with suppress(OSError):
                    os.unlink(path)
