"""What stands at a path, and by what it is seen to be written to without being read.

Times alone can't be trusted in two ways. A file may be given the time it had before: so the moment at which
the system itself changed the file counts too, and any time that differs, not only a later one. And the
clocks of file systems tick: a file that was written to a moment before the look may be written to again
without a trace.

Knows single paths, and reads nothing.
"""

from __future__ import annotations

import os
import stat
from enum import StrEnum

import msgspec

# A file this young may be written again and look the same: the clocks of file systems tick every few
# milliseconds, those of some every tenth of a second.
YOUNG_NS = 100_000_000

# Some count whole seconds, FAT every second one.
YOUNG_BY_SECONDS_NS = 2_000_000_000
SECOND_NS = 1_000_000_000

Stamp = tuple[int, int, int, int]


class Kind(StrEnum):
    """What an entry is."""

    FILE = "file"
    DIRECTORY = "directory"
    LINK = "link"  # a symbolic one
    OTHER = "other"  # a pipe, a socket, a device: told, so that nobody walks over it


class Entry(msgspec.Struct, frozen=True):
    """What stands at one path.

    ``mode`` holds the permission bits; those of links mean nothing and are 0. ``target`` is where such a
    link leads, as written. ``digest`` is that of the content of a file, None while nobody had to know it.
    Of a directory neither size nor times are told.
    """

    kind: Kind
    mode: int = 0
    size: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0
    inode: int = 0
    target: str | None = None
    digest: str | None = None

    @property
    def stamp(self) -> Stamp:
        """What changes when the file is written to."""
        return (self.size, self.mtime_ns, self.ctime_ns, self.inode)


def stamp_of(status: os.stat_result) -> Stamp:
    """Return the `Entry.stamp` of a file with this ``status``."""
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def is_young(ctime_ns: int, now_ns: int) -> bool:
    """Tell whether what was changed at ``ctime_ns`` may change again without a trace.

    Of the times of a file it is this one that counts, for nobody can choose it as one can the other.
    """
    return ctime_ns >= now_ns - (YOUNG_NS if ctime_ns % SECOND_NS else YOUNG_BY_SECONDS_NS)


def kind_of(status: os.stat_result) -> Kind:
    """Return what has this ``status``."""
    return _KINDS.get(stat.S_IFMT(status.st_mode), Kind.OTHER)


_KINDS = {stat.S_IFREG: Kind.FILE, stat.S_IFDIR: Kind.DIRECTORY, stat.S_IFLNK: Kind.LINK}
