"""Declared against observed: which of the files that a task has written do its `writes` not cover?

Knows patterns and paths. Who has looked at the disk, and when, is the matter of `runtime`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from functools import lru_cache

import msgspec

from weft.model.task import Task
from weft.planning.overlap import goes_through, matches
from weft.planning.patterns import NOWHERE, Ground, Pattern, escaped, parse


class Change(Enum):
    """What was done to a file."""

    CREATED = "created"
    CHANGED = "changed"
    DELETED = "deleted"


class UndeclaredWrite(msgspec.Struct, frozen=True):
    """``task`` did this to the file at ``path``, which it does not declare."""

    task: str
    path: str
    change: Change


def undeclared_writes(
    tasks: Sequence[Task], observed: Mapping[int, Mapping[str, Change]], ground: Ground = NOWHERE
) -> Iterator[UndeclaredWrite]:
    """Yield what tasks have written and not declared, in plan order.

    Args:
        tasks: of the plan; one that declares no accesses declares no writes.
        observed: by the position of a task, what it did to which path.
        ground: where the plan lies.

    >>> from weft.testing import task
    >>> tasks = [task("a", writes=["out/*.json"])]
    >>> for write in undeclared_writes(tasks, {0: {"out/a.json": Change.CREATED, "log": Change.CHANGED}}):
    ...     print(write.task, write.change.value, write.path)
    a changed log
    """
    for position, changed in sorted(observed.items()):
        task = tasks[position]
        for path, change in changed.items():
            if not declares(task, path, ground):
                yield UndeclaredWrite(task.id, path, change)


def declares(task: Task, path: str, ground: Ground = NOWHERE) -> bool:
    """Tell whether the `writes` of ``task`` cover the file at ``path``."""
    texts = () if task.accesses is None else task.accesses.writes
    # What was seen is no link to elsewhere, or it is meant itself.
    file = _parsed(f"./{escaped(path)}", Ground(ground.root))
    return bool(texts) and any(_is_covered(file, _parsed(text, ground)) for text in texts)


@lru_cache(maxsize=4096)
def _parsed(text: str, ground: Ground) -> Pattern:
    return parse(text, ground.root, ground.resolve)


def _is_covered(file: Pattern, pattern: Pattern) -> bool:
    path = file.branches[0].segments
    return any(
        matches(branch.segments, path) or goes_through(path, branch.segments) for branch in pattern.branches
    )
