"""The spool: files for what commands write, before it is known whether they write anything.

Making a folder with two files takes longer than many a command, and most commands write nothing or
to one of them only. So a command writes to files from the spool, which get their place as soon as
it matters; those that stay empty are used again. When that is, `spawner` decides.
"""

from __future__ import annotations

import os
import time
from fcntl import F_RDLCK, F_UNLCK, fcntl

LEASE = 1024  # F_SETLEASE of Linux, from <fcntl.h>; elsewhere it means nothing, and is refused

PIECE_BYTES = 1 << 16


class SpoolFile:
    """A file that has no place yet. Commands open its path; ``fd`` is for looking at it only."""

    __slots__ = ("fd", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self.fd = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL, 0o666)

    def is_empty(self) -> bool:
        """Whether nothing has been written to it yet."""
        return not os.fstat(self.fd).st_size

    def put(self, place: str) -> None:
        """Give it its place, whoever writes to it; it is not looked at any more.

        Raises:
            OSError: that can't be done. The file stays in the spool.
        """
        try:
            self._move(place)
        finally:
            os.close(self.fd)

    def _move(self, place: str) -> None:
        try:
            os.rename(self.path, place)
            return
        except FileNotFoundError:
            os.makedirs(os.path.dirname(place), exist_ok=True)
        try:
            os.rename(self.path, place)
        except FileNotFoundError:  # a command has removed it, as `git clean` would
            with open(place, "wb") as copy:
                while piece := os.read(self.fd, PIECE_BYTES):
                    copy.write(piece)

    def remove(self) -> None:
        """Have done with it."""
        os.close(self.fd)
        try:
            os.unlink(self.path)
        except OSError:
            pass  # somebody has tidied up


class Spool:
    """Hands out files in ``folder``, which is made when the first is asked for."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        # A process id alone may have been that of another helper.
        self._stem = f"{folder}/{os.getpid()}-{time.time_ns()}-"
        self._n_made = 0
        self._free: list[SpoolFile] = []

    def take(self) -> SpoolFile:
        """Return an empty file that nobody else knows.

        Raises:
            OSError: there is none, and none can be made.
        """
        return self._free.pop() if self._free else self._make()

    def give_back(self, file: SpoolFile) -> bool:
        """Take back a file for the next command; False if something is in it, or may yet be."""
        try:
            # None is given for a file that is open for writing anywhere. Whoever was handed the file
            # counts: a daemon that the command has left behind, and one that it has talked to.
            fcntl(file.fd, LEASE, F_RDLCK)
            fcntl(file.fd, LEASE, F_UNLCK)
        except OSError:  # or the system, or the file system, knows no leases
            return False
        if not file.is_empty():
            return False
        self._free.append(file)
        return True

    def clear(self) -> None:
        """Remove what has been given back, and the folder if nothing is left in it."""
        while self._free:
            self._free.pop().remove()
        try:
            os.rmdir(self.folder)
        except OSError:
            pass  # there is none, or it is still in use

    def _make(self) -> SpoolFile:
        self._n_made += 1
        path = f"{self._stem}{self._n_made}"
        try:
            return SpoolFile(path)
        except FileNotFoundError:
            os.makedirs(self.folder, exist_ok=True)
            return SpoolFile(path)
