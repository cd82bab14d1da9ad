"""Files of the cache: written at once or not at all, by whoever comes.

A file is made under a name of its own and then given its place, so that no reader sees half of it. Nothing
waits for the disk: after a loss of power a file may be empty or cut off, which is seen when it is read.

Names of files may hold bytes that are no text. JSON as Python writes it has a form for them.
"""

from __future__ import annotations

import itertools
import json
import os
import secrets
from contextlib import suppress
from typing import TypeVar

import msgspec

Value = TypeVar("Value")
PIECE_BYTES = 1 << 20
FOLDERS = ("entries", "blobs", "tasks", "pins", "making", "leaving")


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
        self.write_bytes(path, _encoded(value))

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


def _encoded(value: msgspec.Struct) -> bytes:
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(value), ensure_ascii=True).encode()


def load(path: str, kind: type[Value]) -> Value:
    """Read a value of this ``kind``.

    Raises:
        FileNotFoundError: there is none.
        ValueError: what is there is no such value.
        OSError: it can't be read.
    """
    with open(path, "rb") as file:
        content = file.read()
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        return msgspec.convert(json.loads(content), kind)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def copy_file(source: str, target: str) -> None:
    """Make the file ``target`` with the content of ``source``; they share blocks where the file system can.

    They never are one file under two names: who writes to one of them must not write to the other.

    Raises:
        OSError: something can't be read or written.
    """
    with (
        open(os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb", buffering=0) as read,
        open(
            os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb", buffering=0
        ) as to,
    ):
        # The kernel shares the blocks if it can (FICLONE), before it copies anything.
        with suppress(OSError):
            while os.copy_file_range(read.fileno(), to.fileno(), 1 << 30):
                pass
        # Usually nothing is left. Some file systems can't do the above at all, or claim to have done it.
        while piece := os.read(read.fileno(), PIECE_BYTES):
            rest = memoryview(piece)
            while rest:
                rest = rest[os.write(to.fileno(), rest) :]
