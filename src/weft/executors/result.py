"""The result of a command, read from its standard output.

Knows a file and a format. When a command has succeeded is decided in `shell`.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from weft.model.outcome import Failed, Succeeded
from weft.model.reason import BadResult
from weft.model.work import ResultFormat

# A result is held in memory, is written to the journal and is passed to other tasks; what is
# larger than this is data and belongs in a file.
LARGEST_BYTES = 64 * 1024 * 1024


class _Unreadable(Exception):
    """The text says what is wrong with the output."""


def read_result(path: str, result: ResultFormat) -> Succeeded | Failed:
    """Read the standard output of a command that exited with 0.

    Args:
        path: the file with the output; there is none if nothing was written.
        result: what to make of it. With ``NONE`` the file is not looked at.

    Returns:
        ``Succeeded`` with the result, or ``Failed`` because of a ``BadResult``.
    """
    if result is ResultFormat.NONE:
        return Succeeded(None)
    try:
        return Succeeded(_parse(_read(path), result))
    except _Unreadable as error:
        return Failed(BadResult(str(error)))


def _read(path: str) -> str:
    try:
        with open(path, "rb") as output:
            data = output.read(LARGEST_BYTES + 1)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise _Unreadable(f"can't read the output: {error.strerror}") from error
    if len(data) > LARGEST_BYTES:
        raise _Unreadable(
            f"the output is larger than {LARGEST_BYTES >> 20} MiB;"
            " write it to a file and print the file's name instead"
        )
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _Unreadable(
            f"the output is not UTF-8: byte 0x{data[error.start]:02x} in line {line}"
        ) from error


def _parse(output: str, result: ResultFormat) -> Any:
    if result is ResultFormat.JSON:
        return _json(output)
    text = output.removesuffix("\n").removesuffix("\r") if output.endswith("\n") else output
    if result is ResultFormat.TEXT:
        return text
    return [line.removesuffix("\r") for line in text.split("\n")] if output else []


def _json(output: str) -> Any:
    if not output.strip():
        raise _Unreadable("the output is empty, and should be a JSON document")
    try:
        return msgspec.json.decode(output)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _Unreadable(f"the output is not a JSON document: {_where_it_breaks(output, error)}") from error


def _where_it_breaks(output: str, error: Exception) -> str:
    """Line and column from the slower parser; it passes over NaN and the like, the fast one doesn't."""
    try:
        json.loads(output)
    except ValueError as slow_error:
        return str(slow_error)
    except RecursionError:
        return "it is nested too deeply"
    return str(error)
