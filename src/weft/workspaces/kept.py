"""The name that the second of two versions gets where both are kept: `name.TASK.ext`."""

from __future__ import annotations

import os
from collections.abc import Callable

LONGEST_NAME = 255  # bytes; of most file systems


def kept_name(path: str, label: str, is_taken: Callable[[str], bool]) -> str:
    """Return a path beside ``path`` that bears ``label`` and is not taken.

    Args:
        path: of the two versions.
        label: the task, in a form that can be part of a file name.
        is_taken: tells of a path whether something stands there.

    >>> kept_name("out/report.md", "survey", lambda path: False)
    'out/report.survey.md'
    >>> kept_name("Makefile", "t", {"Makefile.t"}.__contains__)
    'Makefile.t.2'
    """
    assert "/" not in label, f"{label!r} can't be part of a file name"
    folder, slash, name = path.rpartition("/")
    stem, extension = os.path.splitext(name)
    number = 1
    while True:
        marks = f".{label}{extension}" if number == 1 else f".{label}.{number}{extension}"
        kept = f"{folder}{slash}{_shortened(stem, LONGEST_NAME - len(os.fsencode(marks)))}{marks}"
        if not is_taken(kept):
            return kept
        number += 1


def _shortened(stem: str, n_bytes: int) -> str:
    while len(os.fsencode(stem)) > n_bytes:
        stem = stem[:-1]
    return stem
