"""What stands at a path, and whether it still does: by size and times first, by content where those moved.

Times alone can't be trusted in two ways. A file may be given the time it had before: so the moment at which
the system itself changed the file counts too, and any time that differs, not only a later one. And the
clocks of file systems tick: a file that was written to a moment before the look may be written to again
without a trace. Such a file is *young*, and is compared by its content until a later look.

Knows single paths. Which paths belong to a task is told by `inputs`.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Callable
from enum import StrEnum

import msgspec

from weft.cache.reasons import Unreadable

# The clocks of file systems tick every few milliseconds, those of some every tenth of a second.
YOUNG_NS = 100_000_000

# Some count whole seconds, FAT every second one.
YOUNG_BY_SECONDS_NS = 2_000_000_000
SECOND_NS = 1_000_000_000

DIGEST_BYTES = 32


class Kind(StrEnum):
    """What stands at a path."""

    FILE = "file"
    DIRECTORY = "directory"
    LINK = "link"  # a symbolic one
    OTHER = "other"  # a pipe, a socket, a device


class State(msgspec.Struct, frozen=True, omit_defaults=True):
    """What stood at a path at some moment.

    ``target`` is where a link leads, as written. Sizes, times and ``digest`` (of the content) are those of
    the file; of a link, those of the file that it leads to, if it does. A directory has a mode only: what
    it holds has paths of its own.
    """

    kind: Kind
    mode: int = 0
    size: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0
    inode: int = 0
    target: str | None = None
    digest: str | None = None
    is_young: bool = False

    @property
    def stamp(self) -> tuple[int, int, int, int]:
        """What changes when the file is written to."""
        return (self.size, self.mtime_ns, self.ctime_ns, self.inode)


class CannotLook(Exception):
    """``reason`` names the path."""

    def __init__(self, path: str, error: OSError) -> None:
        self.reason = Unreadable(path, error.strerror or str(error))
        super().__init__(path)


def difference(one: State, other: State) -> str | None:
    """Return what makes these two things different, None if nothing does.

    >>> difference(State(Kind.FILE, 0o644, digest="a"), State(Kind.FILE, 0o644, mtime_ns=5, digest="a"))
    """
    if one.kind is not other.kind:
        return "kind"
    if one.target != other.target:
        return "target"
    if one.digest != other.digest:
        return "content"
    return None if one.mode == other.mode else "mode"


def look_at(
    path: str, *, shown: str, known: State | None = None, clock_ns: Callable[[], int] = time.time_ns
) -> State | None:
    """Return what stands at ``path``, None if nothing does.

    Args:
        path: where to look.
        shown: the path as people know it.
        known: what stood there earlier. If it has not moved since, the file is not read.
        clock_ns: tells the moment, in nanoseconds since 1970, as the file system does.

    Raises:
        CannotLook: it can't be read.
    """
    now_ns = clock_ns()
    try:
        return _looked(path, known, now_ns)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise CannotLook(shown, error) from error


def _looked(path: str, known: State | None, now_ns: int) -> State:
    status = os.lstat(path)
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISREG(status.st_mode):
        return _file(path, status, known, now_ns, Kind.FILE)
    if stat.S_ISDIR(status.st_mode):
        return State(Kind.DIRECTORY, mode)
    if not stat.S_ISLNK(status.st_mode):
        return State(Kind.OTHER, mode)
    target = os.readlink(path)
    try:
        behind = os.stat(path)
    except OSError:
        return State(Kind.LINK, target=target)  # it leads nowhere
    if stat.S_ISREG(behind.st_mode):
        return _file(path, behind, known, now_ns, Kind.LINK, target)
    return State(Kind.LINK, target=target)


def _file(
    path: str, status: os.stat_result, known: State | None, now_ns: int, kind: Kind, target: str | None = None
) -> State:
    """A file that is written to while it is read has moved on from this stamp, and won't be taken for it."""
    stamp = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    if known is not None and known.digest is not None and not known.is_young and known.stamp == stamp:
        digest = known.digest
    else:
        digest = digest_of(path)
    # Nobody can choose this time, as one can the other.
    granularity = YOUNG_NS if status.st_ctime_ns % SECOND_NS else YOUNG_BY_SECONDS_NS
    is_young = status.st_ctime_ns >= now_ns - granularity
    return State(kind, stat.S_IMODE(status.st_mode), *stamp, target=target, digest=digest, is_young=is_young)


def digest_of(path: str) -> str:
    """Return the digest of the content of the file ``path``.

    Raises:
        OSError: it can't be read.
    """
    # Not blocking: it may have become a pipe since it was looked at.
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        return hashlib.file_digest(file, _new_hash).hexdigest()


def digest_of_bytes(content: bytes) -> str:
    """Return the digest that a file with this ``content`` has."""
    return hashlib.blake2b(content, digest_size=DIGEST_BYTES).hexdigest()


def _new_hash() -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=DIGEST_BYTES)
