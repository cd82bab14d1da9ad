"""Extras: packages that Weft can do without, asked for only when somebody wants what they do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from weft.errors import UsageError


@contextmanager
def needs_extra(package: str) -> Iterator[None]:
    """Say how to get ``package``, if what is imported in the block is not there.

    Raises:
        UsageError: it is not.

    >>> with needs_extra("moon-phase"):
    ...     import moon_phase
    Traceback (most recent call last):
    weft.errors.UsageError: this needs moon-phase, which is not installed
      hint: pip install 'weft[otel]'
    """
    try:
        yield
    except ImportError as error:
        raise UsageError(
            f"this needs {package}, which is not installed\n  hint: pip install 'weft[otel]'"
        ) from error
