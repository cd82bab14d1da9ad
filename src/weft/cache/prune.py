"""Keeps the cache small and sound: removes what is old, what is too much, and what is broken.

What a running process uses is never removed. Nobody waits for this: it moves a thing aside, looks whether
someone has begun to use it in the meantime, and if so moves it back. So it does no harm to be killed in
between: what is aside is moved back by the next one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from weft.cache.entry import FORMAT, Entry
from weft.cache.pins import Pinned
from weft.cache.saved import KEYS, Shelf, names_in
from weft.cache.store import Remembered
from weft.disk.content import digest_of
from weft.disk.held import held
from weft.disk.values import load


class Listed(msgspec.Struct, frozen=True):
    """One result that is kept.

    ``used_at`` is when it was last used; all moments are in seconds since 1970. ``size_bytes`` counts all
    that belongs to it, also what others need too.
    """

    key: str
    task: str
    stored_at: float
    used_at: float
    expires_at: float | None
    size_bytes: int


class Pruned(msgspec.Struct, frozen=True):
    """What was removed; ``left_bytes`` is what remains. None of it when someone else is at work on it."""

    n_entries: int = 0
    n_blobs: int = 0
    freed_bytes: int = 0
    left_bytes: int = 0
    is_busy: bool = False


class Verified(msgspec.Struct, frozen=True):
    """What was found: digests of ``corrupt`` copies, and the keys of ``entries``; these are removed."""

    n_entries: int
    n_blobs: int
    corrupt: tuple[str, ...] = ()
    entries: tuple[str, ...] = ()


class _Holding(msgspec.Struct):
    """What is there: entries by key, with when they were used and what they need; sizes by name."""

    entries: dict[str, tuple[float, Entry]]
    broken: list[str]
    sizes: dict[str, int]

    def needed(self) -> set[str]:
        return {digest for _, entry in self.entries.values() for digest in entry.blobs()}


def list_entries(shelf: Shelf) -> list[Listed]:
    """Return what is kept, the last used first."""
    holding = _holding(shelf)
    listed = [
        Listed(
            key,
            entry.task,
            entry.stored_at,
            used_at,
            entry.expires_at,
            sum(holding.sizes.get(name, 0) for name in (key, *entry.blobs())),
        )
        for key, (used_at, entry) in holding.entries.items()
    ]
    return sorted(listed, key=lambda each: (-each.used_at, each.key))


def prune(shelf: Shelf, *, before: float | None = None, size_bytes: int | None = None) -> Pruned:
    """Remove what is not needed, and what is broken.

    Args:
        shelf: the cache.
        before: what was last used before this moment, in seconds since 1970, is removed.
        size_bytes: what was used longest ago is removed until this is enough for the rest.

    Raises:
        OSError: something can't be removed.
    """
    shelf.make()
    try:
        with held(_lock_of(shelf)):
            return _prune(shelf, before, size_bytes)
    except BlockingIOError:
        return Pruned(is_busy=True)


def _lock_of(shelf: Shelf) -> Path:
    """Return the file that is locked by the one who removes things."""
    return Path(shelf.folder, "pruning")


def _prune(shelf: Shelf, before: float | None, size_bytes: int | None) -> Pruned:
    _bring_back(shelf)
    holding = _holding(shelf)
    pinned = Pinned(shelf).names
    _remove(shelf, [*_unwanted(holding, pinned, before, size_bytes), *holding.broken])
    left = _holding(shelf)
    unneeded = sorted(set(left.sizes) - set(left.entries) - left.needed() - pinned)
    _remove(shelf, unneeded)
    _forget(shelf)
    _forget_plans(shelf)
    _sweep(shelf)
    left = _holding(shelf)
    gone = [name for name in holding.sizes if name not in left.sizes]
    n_entries = sum(name in holding.entries or name in holding.broken for name in gone)
    freed = sum(holding.sizes[name] for name in gone)
    return Pruned(n_entries, len(gone) - n_entries, freed, sum(left.sizes.values()))


def verify(shelf: Shelf) -> Verified:
    """Read all that is kept, and remove what is broken.

    That is copies that are not what was put there, entries that can't be read, and those that lack a copy.

    Raises:
        OSError: something can't be read, or can't be removed.
    """
    shelf.make()
    with held(_lock_of(shelf), waits=True):
        _bring_back(shelf)
        return _verify(shelf)


def _verify(shelf: Shelf) -> Verified:
    holding = _holding(shelf)
    blobs = names_in(f"{shelf.folder}/blobs")
    corrupt = []
    for digest, path in blobs:
        with suppress(FileNotFoundError):
            if digest_of(path) != digest:
                corrupt.append(digest)
                os.unlink(path)
    whole = {digest for digest, _ in blobs} - set(corrupt)
    lacking = [
        key
        for key, (_, entry) in holding.entries.items()
        if not all(digest in whole or os.path.exists(shelf.blob(digest)) for digest in entry.blobs())
    ]
    removed = sorted([*holding.broken, *lacking])
    for key in removed:
        with suppress(FileNotFoundError):
            os.unlink(shelf.entry(key))
    _forget_plans(shelf)
    return Verified(len(holding.entries), len(blobs), tuple(corrupt), tuple(removed))


def _holding(shelf: Shelf) -> _Holding:
    holding = _Holding({}, [], {})
    used = {key: at for at, keys in sorted(_plans(shelf).values()) for key in keys}
    for key, path in names_in(f"{shelf.folder}/entries"):
        with suppress(FileNotFoundError):
            status = os.stat(path)
            holding.sizes[key] = status.st_size
            try:
                entry = load(path, Entry)
            except ValueError:
                holding.broken.append(key)
                continue
            if (entry.format, entry.key) == (FORMAT, key):
                holding.entries[key] = max(status.st_mtime, used.get(key, 0.0)), entry
            else:
                holding.broken.append(key)
    for digest, path in names_in(f"{shelf.folder}/blobs"):
        with suppress(FileNotFoundError):
            holding.sizes[digest] = os.stat(path).st_size
    return holding


def _unwanted(holding: _Holding, pinned: set[str], before: float | None, size_bytes: int | None) -> list[str]:
    """Return the keys of what is to go, the longest unused first."""
    users = dict.fromkeys(holding.sizes, 0)
    for _, entry in holding.entries.values():
        for digest in entry.blobs():
            users[digest] = users.get(digest, 0) + 1
    left = sum(size for name, size in holding.sizes.items() if name in holding.entries or users[name])
    unwanted = []
    for used_at, key in sorted((used_at, key) for key, (used_at, _) in holding.entries.items()):
        is_old = before is not None and used_at < before
        is_too_much = size_bytes is not None and left > size_bytes
        if key not in pinned and (is_old or is_too_much):
            unwanted.append(key)
            left -= holding.sizes[key]
            for digest in holding.entries[key][1].blobs():
                users[digest] -= 1
                left -= 0 if users[digest] else holding.sizes.get(digest, 0)
    return unwanted


def _remove(shelf: Shelf, names: Iterable[str]) -> None:
    """Move aside what has these names, and remove what nobody has come to need."""
    aside = []
    for name in names:
        for kind, path in (("entry", shelf.entry(name)), ("blob", shelf.blob(name))):
            with suppress(FileNotFoundError):
                os.rename(path, f"{shelf.folder}/leaving/{kind}.{name}")
                aside.append((kind, name))
    # In this order: who holds no longer has written the entry by which it is needed.
    pinned = Pinned(shelf).names
    needed = _holding(shelf).needed() if any(kind == "blob" for kind, _ in aside) else set()
    for kind, name in aside:
        path = f"{shelf.folder}/leaving/{kind}.{name}"
        if name in pinned or name in needed:
            _back(shelf, kind, name)
        else:
            os.unlink(path)


def _bring_back(shelf: Shelf) -> None:
    for left in os.listdir(f"{shelf.folder}/leaving"):
        kind, _, name = left.partition(".")
        _back(shelf, kind, name)


def _back(shelf: Shelf, kind: str, name: str) -> None:
    """Move something back, unless there is a newer one by now."""
    aside = f"{shelf.folder}/leaving/{kind}.{name}"
    path = shelf.entry(name) if kind == "entry" else shelf.blob(name)
    with suppress(FileExistsError):
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        os.link(aside, path)
    os.unlink(aside)


def _forget(shelf: Shelf) -> None:
    """Forget what tasks were of which nothing is kept any more."""
    folder = f"{shelf.folder}/tasks"
    for name in os.listdir(folder):
        with suppress(FileNotFoundError):
            try:
                key = load(f"{folder}/{name}", Remembered).key
            except ValueError:
                key = ""
            if not key or not os.path.exists(shelf.entry(key)):
                os.unlink(f"{folder}/{name}")


def _plans(shelf: Shelf) -> dict[str, tuple[float, list[str]]]:
    """Return for each plan that was up to date when that was last asked, and the keys of its results."""
    folder = f"{shelf.folder}/plans"
    found = {}
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        if name.endswith(KEYS):
            plan = name.removesuffix(KEYS)
            with suppress(FileNotFoundError):
                at = os.stat(f"{folder}/{plan}").st_mtime
                with open(f"{folder}/{name}", encoding="ascii", errors="replace") as file:
                    found[plan] = at, file.read().split()
    return found


def _forget_plans(shelf: Shelf) -> None:
    """Forget that plans are up to date of which a result is gone, or a copy of what a task has written."""
    left = _holding(shelf)
    whole = {
        key
        for key, (_, entry) in left.entries.items()
        if all(digest in left.sizes for digest in entry.logs.values())
    }
    for plan, (_, keys) in _plans(shelf).items():
        if not whole.issuperset(keys):
            for name in (plan, plan + KEYS):
                with suppress(FileNotFoundError):
                    os.unlink(f"{shelf.folder}/plans/{name}")


def _sweep(shelf: Shelf) -> None:
    """Remove what dead processes have left half made."""
    folder = f"{shelf.folder}/making"
    left = os.listdir(folder)
    owners = Pinned(shelf).owners  # after the look: who comes later has made nothing of it
    for name in left:
        if name.rpartition(".")[0] not in owners:
            with suppress(FileNotFoundError):
                os.unlink(f"{folder}/{name}")


def make_room(shelf: Shelf, size_bytes: int) -> None:
    """Remove what was used longest ago until ``size_bytes`` are enough for the rest; nothing, if they are.

    Raises:
        OSError: something can't be removed.
    """
    size = 0
    for folder in ("entries", "blobs"):
        for _, path in names_in(f"{shelf.folder}/{folder}"):
            with suppress(FileNotFoundError):
                size += os.stat(path).st_size
    if size > size_bytes:
        prune(shelf, size_bytes=size_bytes)
