"""What a task must leave as it is: guarded by mode bits in its own workspace, and looked at afterwards.

Mode bits hold for everybody but root, and not against one who changes them. So what counts is the second
look: what has another size or another modification time is read if it had been read before, and else it
counts as changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

from weft.disk.entry import Entry, Kind
from weft.workspaces.inside import opened
from weft.workspaces.manifest import Manifest, take
from weft.workspaces.selection import Covered

WRITE_BITS = 0o222


class Breach(StrEnum):
    """What was done to a path that was to stay as it is."""

    CHANGED = "changed"
    CREATED = "created"
    REMOVED = "removed"


class Guard:
    """Watches over what ``patterns`` cover below ``root``, from the moment it is made.

    Raises:
        UsageError: one of them is no pattern.
        OSError: something can't be read.
    """

    def __init__(self, root: Path, patterns: Iterable[str]) -> None:
        self._root = root
        self._covered = Covered(patterns)
        self._before = self._look(None)

    def enforce(self) -> None:
        """Take the write permissions away. Only for a private workspace, and before its task begins.

        Raises:
            OSError: that is refused.
        """
        with opened(self._root) as inside:
            for path, entry in self._before.entries.items():
                if entry.kind in (Kind.FILE, Kind.DIRECTORY):
                    inside.set_mode(path, entry.mode & ~WRITE_BITS)
        self._before = self._look(self._before)

    def breaches(self) -> dict[str, Breach]:
        """Return what was not left as it was, by path.

        Raises:
            OSError: something can't be read.
        """
        before, after = self._before.entries, self._look(self._before).entries
        found = {}
        for path in sorted(before.keys() | after.keys()):
            if path not in after:
                found[path] = Breach.REMOVED
            elif path not in before:
                found[path] = Breach.CREATED
            elif not _is_untouched(before[path], after[path]):
                found[path] = Breach.CHANGED
        return found

    def _is_looked_at(self, path: str, is_directory: bool) -> bool:
        return (is_directory and self._covered.may_be_below(path)) or self._covered.has(path)

    def _look(self, last: Manifest | None) -> Manifest:
        seen = take(self._root, keep=self._is_looked_at, last=last)
        entries = {path: entry for path, entry in seen.entries.items() if self._covered.has(path)}
        return Manifest(entries, seen.taken_ns)


def _is_untouched(before: Entry, after: Entry) -> bool:
    """Modes are no content: to take permissions away or to give them changes nothing that is read."""
    if (before.kind, before.target) != (after.kind, after.target):
        return False
    if before.kind is not Kind.FILE:
        return True
    if before.digest is not None and after.digest is not None:
        return before.digest == after.digest
    return (before.size, before.mtime_ns, before.inode) == (after.size, after.mtime_ns, after.inode)
