"""Values in files, as JSON.

Names of files may hold bytes that are no text. JSON as Python writes it has a form for them, in pure ASCII.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TypeVar

import msgspec

from weft.disk import durable

Value = TypeVar("Value")


def encoded(value: msgspec.Struct) -> bytes:
    """Return ``value`` as JSON."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(value), ensure_ascii=True).encode()


def save(path: Path, value: msgspec.Struct) -> None:
    """Write ``value``; when this returns, it is on the disk.

    Raises:
        OSError: it can't be written. What was there is still there.
    """
    durable.write(path, encoded(value), _beside(path))


def put(path: Path, value: msgspec.Struct) -> None:
    """Write ``value`` without waiting for the disk: without power what was there before may come back.

    Other processes see it nevertheless, and so do those that come after this one was killed.

    Raises:
        OSError: it can't be written. What was there is still there.
    """
    beside = _beside(path)
    beside.write_bytes(encoded(value))
    beside.replace(path)


def load(path: str | os.PathLike[str], kind: type[Value]) -> Value:
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


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}-{os.getpid()}")
