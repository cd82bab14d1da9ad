"""Plan files: where they are, which format they have, and how their text comes in.

Knows files and standard input; what stands in the text is the matter of `read`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

from msgspec.structs import replace

from weft.errors import PlanError, Problem
from weft.model.files import PLAN_NAMES
from weft.model.plan import Plan
from weft.planfile.json_tree import json_tree
from weft.planfile.notes import Notes
from weft.planfile.read import read_plan
from weft.planfile.reading import Reading
from weft.planfile.toml_tree import toml_tree
from weft.planfile.tree import Spot
from weft.planfile.wording import printable
from weft.planfile.yaml_tree import yaml_tree
from weft.planning.nearest import did_you_mean

Format = Literal["yaml", "toml", "json"]

FILE_NAMES = PLAN_NAMES
MAX_BYTES = 64 * 2**20  # a plan of a million tasks; more is some other file

_TREES = {"yaml": yaml_tree, "toml": toml_tree, "json": json_tree}
_SUFFIXES: dict[str, Format] = {".yaml": "yaml", ".yml": "yaml", ".toml": "toml", ".json": "json"}


class Seen(Protocol):
    """Wants to know what a plan is read from."""

    def text(self, content: bytes) -> None:
        """This is the text of the file."""

    def directory(self, path: str) -> None:
        """What is in the directory ``path`` is about to be looked at."""


def load(path: str | Path, *, format: Format | None = None, seen: Seen | None = None) -> Plan:
    """Return the plan in the file at ``path``; `-` is standard input.

    The format is told by ``format``, else by the name of the file, else by the text: JSON if it
    starts with `{`, else YAML. The plan's root is the file's directory, or the current one. ``seen`` is told
    what the plan is read from, if that is a file.

    Raises:
        PlanError: with every problem of the file.
    """
    if str(path) == "-":
        return _load_bytes(_bounded(sys.stdin.buffer, "<stdin>"), "<stdin>", format, ".")
    path = Path(path)
    try:
        with open(path, "rb") as stream:
            data = _bounded(stream, str(path))
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise _unreadable(path, error) from None
    if seen is not None:
        seen.text(data)
    written = format or _SUFFIXES.get(path.suffix.lower())
    return _load_bytes(data, str(path), written, str(path.parent), seen)


def loads(
    text: str,
    *,
    name: str = "<string>",
    format: Format | None = "yaml",
    root: str | Path = ".",
    seen: Seen | None = None,
) -> Plan:
    """Return the plan in ``text``.

    Args:
        text: the plan.
        name: what messages call it.
        format: how it is written; None guesses, as `load` does.
        root: the plan's directory: globs are relative to it.
        seen: is told in which directories files are looked for.

    Raises:
        PlanError: with every problem of the text.

    >>> [task.id for task in loads("tasks: {a: make, b: {run: make test, needs: a}}").tasks]
    ['a', 'b']
    """
    notes = Notes(name)
    if not text.strip():
        notes.empty()
    reading = Reading(_TREES[format or _guessed(text)](text, notes), str(root), notes)
    return read_plan(reading if seen is None else replace(reading, listed=seen.directory))


def format_of(path: str | Path, text: str) -> Format:
    """Return the format of a plan, as `load` tells it."""
    return _SUFFIXES.get(Path(path).suffix.lower()) or _guessed(text)


def _guessed(text: str) -> Format:
    return "json" if text.lstrip().startswith("{") else "yaml"


def find(directory: str | Path = ".") -> Path:
    """Return the plan file in ``directory``: the one of `FILE_NAMES` that is there.

    Raises:
        PlanError: when there is none, or more than one.
    """
    directory = Path(directory)
    there = [name for name in FILE_NAMES if os.path.lexists(directory / name)]
    if len(there) == 1:
        return directory / there[0]
    if there:
        message = f"more than one plan in `{printable(str(directory))}`: {' and '.join(there)}"
        raise PlanError([Problem((), message, f"say which: `-f {there[0]}`")])
    message = f"no plan in `{printable(str(directory))}`: looked for {', '.join(FILE_NAMES)}"
    raise PlanError([Problem((), message, "`weft init` writes one to begin with")])


def _bounded(stream: BinaryIO, name: str) -> bytes:
    data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        Notes(name).fail(f"more than {MAX_BYTES // 2**20} MiB; that is no plan")
    return data


def _load_bytes(data: bytes, name: str, written: Format | None, root: str, seen: Seen | None = None) -> Plan:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if b"\0" in data:
            Notes(name).fail("no text; expected a plan in YAML, TOML or JSON")
        line_start = data.rfind(b"\n", 0, error.start) + 1
        spot = Spot(data.count(b"\n", 0, error.start) + 1, error.start - line_start + 1)
        Notes(name).fail(f"not UTF-8: the byte 0x{data[error.start]:02x}", spot, "save the file as UTF-8")
    return loads(text, name=name, format=written, root=root, seen=seen)


def _unreadable(path: Path, error: OSError | ValueError) -> PlanError:
    shown = printable(str(path))
    hint = None
    if isinstance(error, FileNotFoundError):
        message = f"no such file: `{shown}`"
        if path.parent.is_dir():
            hint = did_you_mean(path.name, sorted(filter(str.isprintable, os.listdir(path.parent))))
        if hint is None and path.name == str(path) and not path.suffix:  # with just and make that is a task
            hint = "expected a plan, of which all tasks are looked at or run"
    elif isinstance(error, IsADirectoryError):
        message, hint = f"`{shown}` is a directory", "name the plan in it"
    else:
        why = error.strerror if isinstance(error, OSError) else str(error)
        message = f"can't read `{shown}`: {why}"
    return PlanError([Problem((), message, hint)])
