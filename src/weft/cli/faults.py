"""Faults of Weft itself, and refusals of the system: told in one line, with the traceback on request."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from contextlib import suppress

VARIABLE = "WEFT_DEBUG"

HINT = f"this is a fault of Weft: please report it, with what the same command says under {VARIABLE}=1"


def wants_tracebacks() -> bool:
    """Tell whether the user asked for tracebacks by `WEFT_DEBUG`."""
    return os.environ.get(VARIABLE, "") not in ("", "0")


def tell(error: BaseException) -> None:
    """Say on standard error that ``error`` has come up to the top, unless there it can't be said, either."""
    with suppress(OSError):
        _tell(error)


def _tell(error: BaseException) -> None:
    if wants_tracebacks():
        traceback.print_exception(error)
    if isinstance(error, OSError) and error.strerror:
        about = f": {error.filename}" if error.filename else ""
        sys.stderr.write(f"weft: {error.strerror}{about}\n")
    else:
        sys.stderr.write(f"weft: internal error: {in_one_line(error)}\n  hint: {HINT}\n")


def in_one_line(error: BaseException) -> str:
    """Return the type and the message of ``error``.

    >>> in_one_line(ValueError("no\\nnumber"))
    'ValueError: no number'
    """
    return f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")


class _OneLine(logging.Formatter):
    """Tells a record, and what was raised, in one line."""

    def format(self, record: logging.LogRecord) -> str:
        if wants_tracebacks():
            return f"weft: {super().format(record)}"
        raised = record.exc_info[1] if record.exc_info else None
        why = f" ({in_one_line(raised)})" if raised else ""
        is_ours = _is_of_weft(record) and record.levelno >= logging.ERROR and not isinstance(raised, OSError)
        ours = "internal error: " if is_ours else ""
        return f"weft: {ours}{' '.join(record.getMessage().split())}{why}"


class _NotAgain(logging.Filter):
    """Lets others say one thing of each kind: what sends traces complains with every attempt at it."""

    def __init__(self) -> None:
        super().__init__()
        self._heard: set[tuple[str, int]] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        kind = (record.name, record.levelno)
        is_new = _is_of_weft(record) or kind not in self._heard
        self._heard.add(kind)
        return is_new


def _is_of_weft(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] == "weft"


def log_in_one_line() -> None:
    """Have warnings from the log told as faults are, without tracebacks."""
    handler = logging.StreamHandler()
    handler.addFilter(_NotAgain())
    handler.setFormatter(_OneLine())
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
