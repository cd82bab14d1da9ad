"""Values in files: all of a value is there, or what was there before.

Names of files may hold bytes that are no text. JSON as Python writes it has a form for them, in pure ASCII.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TypeVar

import msgspec

Value = TypeVar("Value")


def save(path: Path, value: msgspec.Struct) -> None:
    """Write ``value``; when this returns, it is on the disk.

    Raises:
        OSError: it can't be written. What was there is still there.
    """
    text = json.dumps(msgspec.to_builtins(value), ensure_ascii=True)
    beside = path.with_name(f".{path.name}-{os.getpid()}")
    with beside.open("w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync_folder(path.parent)


def load(path: Path, kind: type[Value]) -> Value:
    """Read a value of this ``kind``.

    Raises:
        FileNotFoundError: there is none.
        ValueError: what is there is no such value.
        OSError: it can't be read.
    """
    return msgspec.convert(json.loads(path.read_bytes()), kind)


def sync_folder(path: Path) -> None:
    """Wait until the names in the directory ``path`` are on the disk."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
