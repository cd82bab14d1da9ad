"""Paths below a directory, reached name by name and without following a link.

Whoever changes files does it through here: a link that somebody puts in the way, at whatever moment,
leads to an error and not out of the directory.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from weft.errors import UsageError

# A path only: to go through a directory one need not be allowed to list it.
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW


def names_of(path: str) -> list[str]:
    """Return the names that ``path`` goes through, which is relative and goes down only.

    Raises:
        UsageError: it does not.

    >>> names_of("a/b")
    ['a', 'b']
    """
    names = path.split("/")
    if not all(name not in ("", ".", "..") and "\0" not in name for name in names):
        raise UsageError(f"`{path}` is no path that goes down from a directory")
    return names


class Inside:
    """A directory that is open, and what lies below it; paths are relative to it.

    Raises:
        NotADirectoryError: by each method, where a link or a file stands in the way.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)

    def close(self) -> None:
        """Let go of the directory."""
        os.close(self._fd)

    @contextmanager
    def folder(self, path: str = "") -> Iterator[int]:
        """Give the directory at ``path``, open as far as is needed to reach what is in it."""
        fd = os.dup(self._fd)
        try:
            for name in names_of(path) if path else ():
                inner = os.open(name, _FOLDER, dir_fd=fd)
                os.close(fd)
                fd = inner
            yield fd
        finally:
            os.close(fd)

    @contextmanager
    def parent(self, path: str) -> Iterator[tuple[int, str]]:
        """Give the directory that ``path`` lies in, open, and its name there."""
        *folders, name = names_of(path)
        with self.folder("/".join(folders)) as fd:
            yield fd, name

    def status(self, path: str) -> os.stat_result | None:
        """Return what stands at ``path`` itself, None where nothing does or can."""
        try:
            with self.parent(path) as (fd, name):
                return os.stat(name, dir_fd=fd, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def set_mode(self, path: str, mode: int) -> None:
        """Set the permission bits of the file or directory at ``path``."""
        with self.parent(path) as (fd, name):
            # So it also works for what may not be read, and never for what a link leads to.
            inner = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=fd)
            try:
                os.chmod(f"/proc/self/fd/{inner}", mode)
            finally:
                os.close(inner)

    def sync(self, path: str) -> None:
        """Wait until the names in the directory at ``path`` are on the disk."""
        with self.folder(path) as fd:
            try:
                listed = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
            except PermissionError:
                os.sync()  # it may not be listed, and nothing less would do
                return
            try:
                os.fsync(listed)
            finally:
                os.close(listed)


@contextmanager
def opened(root: Path) -> Iterator[Inside]:
    """Give the directory ``root``, and close it afterwards."""
    inside = Inside(root)
    try:
        yield inside
    finally:
        inside.close()


def is_real_folder(status: os.stat_result | None) -> bool:
    """Tell whether a directory was seen, and not a link to one."""
    return status is not None and stat.S_ISDIR(status.st_mode)
