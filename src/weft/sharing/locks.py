"""Named locks among processes, held by locks of the operating system on files.

Each holder has a file of its own, on which it keeps a lock of the system for as long as it holds the name.
When it dies, by whatever cause, the system lets that lock go: no age, no process id and no file's content
decides who is alive. Those who wait have such a file too, with their number in the queue, so that nobody is
overtaken: not one that wants to be alone by later ones that share, nor the other way round. Who holds a
name is written beside, for people.

All of it is looked at and changed by one process at a time, which holds the folder's `door` for a moment.

Knows names, files and who waits for what. It never sleeps but at the door.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from threading import Lock
from urllib.parse import quote, unquote

import msgspec
from filelock import FileLock, Timeout, lock_descriptor

from weft.disk.durable import write
from weft.model.lock import Hold, compatible
from weft.sharing.base import CannotShare, LockTaken
from weft.sharing.owner import Owner, this_process

_LONGEST_NAME = 200  # file systems allow 255 bytes
_PATIENCE_S = 30.0  # the door is held for milliseconds; who holds it for so long has been stopped


class Kind(StrEnum):
    """What a file stands for."""

    HELD = "held"
    WISH = "wish"


class Entry(msgspec.Struct, frozen=True):
    """A file that stands for a holder, or for one who waits at ``place``."""

    path: Path
    kind: Kind
    mode: Hold
    place: int

    @staticmethod
    def at(path: Path) -> Entry:
        """Return what the name of a file says; one that can't be read is a holder of all."""
        match path.name.removesuffix(".lock").split("-"):
            case [Kind.HELD | Kind.WISH as kind, Hold.SHARED | Hold.EXCLUSIVE as mode, place, _] if (
                place.isdecimal()
            ):
                return Entry(path, Kind(kind), Hold(mode), int(place))
        return Entry(path, Kind.HELD, Hold.EXCLUSIVE, 0)

    @staticmethod
    def new(folder: Path, kind: Kind, mode: Hold, place: int) -> Entry:
        """Return an entry whose name nobody else has."""
        return Entry(folder / f"{kind}-{mode}-{place}-{secrets.token_hex(6)}.lock", kind, mode, place)

    def owner(self) -> Owner | None:
        """Return who made it; None when that can't be read, which does not make it any less held."""
        try:
            return msgspec.json.decode(self._beside.read_bytes(), type=Owner)
        except (OSError, msgspec.MsgspecError, UnicodeError):
            return None

    def write_owner(self) -> None:
        """Tell people who we are."""
        self._beside.write_bytes(msgspec.json.encode(this_process()))

    def remove(self) -> None:
        """Take the files away; the lock goes when it is let go."""
        self._beside.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    @property
    def _beside(self) -> Path:
        return self.path.with_suffix(".owner")


class Standing(msgspec.Struct, frozen=True):
    """Who holds a name, or waits for it.

    Attributes:
        lock: the name.
        kind: whether it is held.
        mode: how.
        number: the fencing token of a holder, the number in the queue of one who waits.
        since: when that began, in seconds since 1970.
        owner: the process; None when its name can't be read.
        is_there: whether the system still keeps its lock. If it does not, its process has ended, and what
            stands here was left behind: it keeps nobody out.
    """

    lock: str
    kind: Kind
    mode: Hold
    number: int
    since: float
    owner: Owner | None
    is_there: bool


class FileLocks:
    """The locks of one folder, as one process sees them. May be used from any thread.

    Args:
        folder: where all who share these locks look; made if need be.

    Every call raises `CannotShare` when the files can't be read or written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mine: dict[tuple[str, str], tuple[Entry, FileLock]] = {}  # by ask and name
        self._blocked: dict[str, dict[str, list[Entry]]] = {}  # by ask and name: whom it found in its way
        self._mutex = Lock()
        # One for all times: a Ctrl-C that comes while such an object is deleted, Python passes over.
        self._at_the_door = _lock_on(folder / ".door")

    def take(self, ask: str, wants: Mapping[str, Hold]) -> dict[str, int] | tuple[LockTaken, ...]:
        """Take all locks for ``ask`` and return their fencing tokens, or wait in the queues of those taken.

        Args:
            ask: an id that no other start of this process has; asked again it keeps its places.
            wants: names and modes.
        """
        if still := self.still_taken(ask):
            return still
        with self._door():
            self._blocked.pop(ask, None)
            others = {name: self._in_the_way(ask, name, mode) for name, mode in sorted(wants.items())}
            blocked = {name: entries for name, entries in others.items() if entries}
            if not blocked:
                return {name: self._hold(ask, name, wants[name]) for name in others}
            for name in blocked:
                self._wish(ask, name, wants[name])
            self._blocked[ask] = blocked
            return _taken(blocked)

    def release(self, ask: str) -> None:
        """Give back what ``ask`` holds, and leave the queues in which it waits."""
        with self._mutex, _told(self._folder):
            self._blocked.pop(ask, None)
            for key in [key for key in self._mine if key[0] == ask]:
                self._drop(*key)

    def release_all(self) -> None:
        """Give back all locks of this process."""
        for ask in {ask for ask, _ in self._mine}:
            self.release(ask)

    def holders(self) -> dict[str, tuple[Owner | None, ...]]:
        """Return who holds each name; None stands for a holder whose name can't be read."""
        with self._door():
            folders = sorted(path for path in self._folder.iterdir() if path.is_dir())
            held = {
                unquote(folder.name, errors="surrogateescape"): tuple(
                    each.owner() for each in self._living(folder) if each.kind == Kind.HELD
                )
                for folder in folders
            }
        return {name: owners for name, owners in held.items() if owners}

    def standing(self) -> list[Standing]:
        """Return who holds and who waits, by name and in the order in which they come; change nothing."""
        with self._door():
            mine = {entry.path for entry, _ in self._mine.values()}
            found = [
                Standing(
                    unquote(entry.path.parent.name, errors="surrogateescape"),
                    entry.kind,
                    entry.mode,
                    entry.place,
                    entry.path.stat().st_mtime,
                    entry.owner(),
                    entry.path in mine or _is_held(entry),
                )
                for folder in self._folder.iterdir()
                if folder.is_dir()
                for entry in _entries(folder)
            ]
        return sorted(found, key=lambda each: (each.lock, each.kind, each.number))

    def still_taken(self, ask: str) -> tuple[LockTaken, ...]:
        """Return what blocks ``ask`` as it did before: a quick look, for those who ask often."""
        with self._mutex, _told(self._folder):
            blocked = {
                name: still
                for name, entries in self._blocked.get(ask, {}).items()
                if (still := [entry for entry in entries if entry.path.exists()])
                and any(map(_is_held, still))
            }
            return _taken(blocked)

    def _in_the_way(self, ask: str, name: str, mode: Hold) -> list[Entry]:
        """Return those in front of ``ask``, holding or waiting, who don't go together with it."""
        mine = self._mine.get((ask, name))
        assert mine is None or mine[0].kind == Kind.WISH, f"{ask} holds {name} already"
        return [
            entry
            for entry in self._living(self._folder_of(name))
            if not compatible(entry.mode, mode)
            and (entry.kind == Kind.HELD or mine is None or entry.place < mine[0].place)
        ]

    def _wish(self, ask: str, name: str, mode: Hold) -> None:
        if (ask, name) not in self._mine:
            folder = self._folder_of(name)
            places = [entry.place for entry in _entries(folder) if entry.kind == Kind.WISH]
            self._make(ask, name, Entry.new(folder, Kind.WISH, mode, max(places, default=0) + 1))

    def _hold(self, ask: str, name: str, mode: Hold) -> int:
        folder = self._folder_of(name)
        token = _next_token(folder)  # first, so that one that is lost on the way is not given out again
        if (ask, name) in self._mine:
            self._drop(ask, name)
        self._make(ask, name, Entry.new(folder, Kind.HELD, mode, token))
        return token

    def _make(self, ask: str, name: str, entry: Entry) -> None:
        lock = _lock_on(entry.path)
        lock.acquire(blocking=False)
        self._mine[ask, name] = (entry, lock)
        entry.write_owner()

    def _drop(self, ask: str, name: str) -> None:
        entry, lock = self._mine.pop((ask, name))
        entry.remove()
        lock.release()

    def _living(self, folder: Path) -> list[Entry]:
        """Return the entries of those who are alive, and clear away what the dead have left."""
        mine = {entry.path for entry, _ in self._mine.values()}
        entries = _entries(folder)
        living = [entry for entry in entries if entry.path in mine or _is_held(entry)]
        for entry in entries:
            if entry not in living:
                entry.remove()
        return living

    def _folder_of(self, name: str) -> Path:
        folder = self._folder / encoded(name)
        folder.mkdir(exist_ok=True)
        return folder

    @contextmanager
    def _door(self) -> Iterator[None]:
        """Let one process at a time look and change."""
        with self._mutex, _told(self._folder):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                with self._at_the_door.acquire(_PATIENCE_S, poll_interval=0.001):
                    yield
            except Timeout as error:
                message = f"another process has kept the door of {self._folder} shut for {_PATIENCE_S:g} s"
                raise CannotShare(f"{message}\n  hint: is one of them stopped?") from error
            except BaseException:
                # It may have been interrupted on its way in or out; what the old one holds goes with it.
                self._at_the_door = _lock_on(self._folder / ".door")
                raise


def encoded(name: str) -> str:
    """Return the name of a lock's folder: another for each lock.

    >>> encoded("deploy/eu"), encoded("..")
    ('deploy%2Feu', '%2E%2E')
    """
    plain = quote(name, safe=" ", errors="surrogateescape").replace(".", "%2E")
    if len(plain) <= _LONGEST_NAME:
        return plain
    digest = sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return f"{plain[: _LONGEST_NAME - 17]}~{digest}"


def _lock_on(path: Path) -> FileLock:
    # Where the system has no such locks the library would make do with the existence of a file, which
    # outlives its holder.
    return FileLock(path, thread_local=False, fallback_to_soft=False)


def _entries(folder: Path) -> list[Entry]:
    return [Entry.at(path) for path in sorted(folder.glob("*.lock"))]


def _is_held(entry: Entry) -> bool:
    """Tell whether somebody has a lock of the system on an entry's file."""
    try:
        descriptor = os.open(entry.path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not lock_descriptor(descriptor, blocking=False)
    finally:
        os.close(descriptor)  # and with it goes the lock, if we have got it


def _taken(blocked: Mapping[str, list[Entry]]) -> tuple[LockTaken, ...]:
    return tuple(
        LockTaken(name, tuple(entry.owner() for entry in entries)) for name, entries in blocked.items()
    )


def _next_token(folder: Path) -> int:
    """Return a number larger than all before it; it is on the disk before anybody sees it."""
    path = folder / "token"
    token = _last_token(path) + 1
    write(path, b"%d\n" % token, folder / "token.new")
    return token


def _last_token(path: Path) -> int:
    try:
        text = path.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        return 0
    if not (text.isascii() and text.isdigit()):
        hint = "write into it a number larger than any that was ever given out for this lock"
        raise CannotShare(f"{path} holds no number: the next fencing token is not known\n  hint: {hint}")
    return int(text)


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CannotShare(f"can't lock in {folder}: {error}") from error
