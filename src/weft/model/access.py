"""What a task reads and writes, as the user declares it.

Knows the texts only. What a text covers is decided in `planning.patterns`, and which tasks must
therefore wait for each other in `planning.conflicts`.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

import msgspec


class Accesses(msgspec.Struct, frozen=True):
    """What one task reads and writes: paths, directories, globs and named resources.

    >>> Accesses(reads=("docs/*.md",), writes=("out/index.json", "db:pages"))
    Accesses(reads=('docs/*.md',), writes=('out/index.json', 'db:pages'))
    """

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()


def declared(reads: Iterable[str] | None, writes: Iterable[str] | None) -> Accesses | None:
    """Return the accesses that a caller declares, or None where nothing is declared; a string is one text.

    >>> declared("docs/", None)
    Accesses(reads=('docs/',), writes=())
    """
    if reads is None and writes is None:
        return None
    return Accesses(_texts(reads), _texts(writes))


def _texts(texts: Iterable[str] | None) -> tuple[str, ...]:
    return (texts,) if isinstance(texts, str) else tuple(texts or ())


class Undeclared(Enum):
    """What is done about tasks that declare no accesses: nothing is known of what they touch."""

    PARALLEL = "parallel"  # they run as if they touched nothing, as in make
    SEQUENTIAL = "sequential"  # each keeps its place in program order towards all others
