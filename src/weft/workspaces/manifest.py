"""Manifests: what stands below a directory, by kind, mode and content, path by path.

Paths are relative to the directory and strings as `os.fsdecode` makes them, so that every name that a
file can have can be told. Symbolic links are told and never followed. Large files are not read before
that matters: as long as size and times of a file stand still, it is taken to hold what it held.

Knows nothing of tasks; what two manifests mean for a third one is decided in `merge`.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from weft.disk.content import digest_of_open
from weft.disk.entry import Entry, Kind, is_young, kind_of, stamp_of

# Up to this size, reading a file takes about as long as finding it.
SMALL_BYTES = 1 << 16

Keep = Callable[[str, bool], bool]  # a path, and whether it is a directory


class Manifest(msgspec.Struct, frozen=True):
    """Entries by path, parents before their children; looked at from the moment ``taken_ns`` on."""

    entries: Mapping[str, Entry] = {}
    taken_ns: int = 0


def alike(one: Entry | None, other: Entry | None) -> bool:
    """Tell whether both are the same thing: of the same kind, mode and content, or both nothing.

    Files of which the content is not known are alike only if they are the same file, not written to
    in between: so two that hold the same may be called different, and never the other way round.
    """
    if one is None or other is None:
        return one is other
    if (one.kind, one.mode, one.target) != (other.kind, other.mode, other.target):
        return False
    return one.kind is not Kind.FILE or same_content(one, other)


def same_content(one: Entry, other: Entry) -> bool:
    """Tell whether two files are known to hold the same."""
    if one.digest is not None and other.digest is not None:
        return one.digest == other.digest
    return one.stamp == other.stamp


def above(path: str) -> Iterator[str]:
    """Yield the directories that ``path`` lies in, the outermost first.

    >>> list(above("a/b/c"))
    ['a', 'a/b']
    """
    at = path.find("/")
    while at >= 0:
        yield path[:at]
        at = path.find("/", at + 1)


def everything(path: str, is_directory: bool) -> bool:
    """Leave nothing out."""
    return True


def take(
    root: Path, *, keep: Keep = everything, last: Manifest | None = None, hash_up_to: int | None = SMALL_BYTES
) -> Manifest:
    """Return what stands below ``root``.

    Args:
        root: a directory; not itself part of the manifest.
        keep: tells what is looked at; below a directory that is not, nothing is.
        last: an earlier look at the same directory, at no more than ``keep`` tells. What has moved since
            is read, the rest is not.
        hash_up_to: files up to this size, in bytes, are read at the first look; None: not even those
            that have just been written.

    Raises:
        OSError: something can't be read.
    """
    look = _Look(root, last, hash_up_to)
    with look:
        return look.result(look.below("", keep))


def take_at(root: Path, paths: Iterable[str], last: Manifest) -> Manifest:
    """Return what stands at ``paths``, and at the directories above them, without looking at the rest.

    Every file that has moved since ``last`` is read.

    Raises:
        OSError: something can't be read.
    """
    look = _Look(root, last, 0)
    with look:
        return look.result(look.at(paths))


def take_below(root: Path, folder: str, last: Manifest) -> Manifest:
    """Return what stands below the directory ``folder`` of ``root``, each with its path from ``root``.

    Raises:
        OSError: something can't be read.
    """
    look = _Look(root, last, 0)
    with look:
        return look.result(look.below(folder, everything))


class _Look:
    """One look at a directory, relative to which all is looked up: so its own path may be long."""

    def __init__(self, root: Path, last: Manifest | None, hash_up_to: int | None) -> None:
        self._root = root
        self._is_first = last is None
        self._known = last.entries if last is not None else {}
        self._known_ns = last.taken_ns if last is not None else 0
        self._hash_up_to = hash_up_to
        self._taken_ns = time.time_ns()
        self._fd = -1

    def __enter__(self) -> None:
        self._fd = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)

    def __exit__(self, *raised: object) -> None:
        os.close(self._fd)

    def result(self, entries: Iterable[tuple[str, Entry]]) -> Manifest:
        found = dict(entries)
        return Manifest({path: found[path] for path in sorted(found)}, self._taken_ns)

    def below(self, folder: str, keep: Keep) -> Iterator[tuple[str, Entry]]:
        folders = [folder]
        while folders:
            for path, status in self._listed(folders.pop()):
                entry = self._unmoved(path, status)
                if entry is None and keep(path, stat.S_ISDIR(status.st_mode)):
                    entry = self._entry(path, status)
                if entry is not None:
                    yield path, entry
                    if entry.kind is Kind.DIRECTORY:
                        folders.append(path)

    def at(self, paths: Iterable[str]) -> Iterator[tuple[str, Entry]]:
        wanted = {part for path in paths for part in (*above(path), path)}
        folders = {""}
        for path in sorted(wanted):
            if path.rpartition("/")[0] in folders:  # else a link stands above it, or nothing
                entry = self._looked_up(path)
                if entry is not None:
                    yield path, entry
                    if entry.kind is Kind.DIRECTORY:
                        folders.add(path)

    def _listed(self, folder: str) -> list[tuple[str, os.stat_result]]:
        above = f"{folder}/" if folder else ""
        fd = os.open(folder or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=self._fd)
        try:
            found = []
            with os.scandir(fd) as names:
                for name in names:
                    try:
                        found.append((above + name.name, name.stat(follow_symlinks=False)))
                    except FileNotFoundError:
                        continue  # something that is still at work has removed it
        finally:
            os.close(fd)
        return found

    def _looked_up(self, path: str) -> Entry | None:
        try:
            status = os.stat(path, dir_fd=self._fd, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return self._unmoved(path, status) or self._entry(path, status)

    def _unmoved(self, path: str, status: os.stat_result) -> Entry | None:
        """Return the file that was seen there at the last look, if it has not been written to since."""
        before = self._known.get(path)
        if before is None or before.kind is not Kind.FILE or before.stamp != stamp_of(status):
            return None
        if before.mode != stat.S_IMODE(status.st_mode):
            return None
        return None if is_young(before.ctime_ns, self._known_ns) else before

    def _entry(self, path: str, status: os.stat_result) -> Entry | None:
        kind, mode = kind_of(status), stat.S_IMODE(status.st_mode)
        if kind is Kind.DIRECTORY:
            return Entry(kind, mode)
        try:
            if kind is Kind.LINK:
                return Entry(kind, 0, *stamp_of(status), target=os.readlink(path, dir_fd=self._fd))
            entry = Entry(kind, mode, *stamp_of(status))
            return self._file(path, entry) if kind is Kind.FILE else entry
        except FileNotFoundError:
            return None  # as above

    def _file(self, path: str, entry: Entry) -> Entry:
        if self._is_first and not self._is_read_at_first(entry):
            return entry
        # Not blocking: it may have become a pipe since it was looked at.
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=self._fd)
        return msgspec.structs.replace(entry, digest=digest_of_open(fd))

    def _is_read_at_first(self, entry: Entry) -> bool:
        if self._hash_up_to is None:
            return False
        return entry.size <= self._hash_up_to or is_young(entry.ctime_ns, self._taken_ns)
