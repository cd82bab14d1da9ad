"""What is told of an exception that the user's function raised.

Weft's own frames at the top of the traceback say nothing about the user's mistake and are left out.
"""

from __future__ import annotations

import traceback
from types import TracebackType

from weft.executors.retry_after import asked_by
from weft.model.outcome import Failed
from weft.model.reason import Raised

_OWN_FRAMES = __name__.rpartition(".")[0]


def failed(error: BaseException) -> Failed:
    """The outcome of an attempt that raised ``error``.

    >>> failed(ValueError("no such page")).because
    Raised(error='ValueError', message='no such page', traceback='ValueError: no such page\\n')
    """
    lines = traceback.format_exception(type(error), error, _users_part(error.__traceback__))
    because = Raised(_qualified_name(type(error)), _message(error), "".join(lines))
    return Failed(because, error, asked_by(error))


def _users_part(frames: TracebackType | None) -> TracebackType | None:
    while frames is not None and _is_own(frames):
        frames = frames.tb_next
    return frames


def _is_own(frames: TracebackType) -> bool:
    return str(frames.tb_frame.f_globals.get("__name__")).startswith(_OWN_FRAMES)


def _qualified_name(kind: type[BaseException]) -> str:
    if kind.__module__ == "builtins":
        return kind.__qualname__
    # A worker process knows the user's script under another name.
    module = "__main__" if kind.__module__ == "__mp_main__" else kind.__module__
    return f"{module}.{kind.__qualname__}"


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # the user's __str__, which can raise anything
        return f"<{type(error).__qualname__} that can't be printed>"
