"""The names that `weft map` runs its command for."""

from __future__ import annotations

import os
from collections.abc import Sequence

from weft.errors import UsageError


def names_in(data: bytes, *, null: bool) -> list[str]:
    r"""Return the names in what came from standard input: one a line, or each ended by a NUL.

    Blank lines are passed over. Bytes that are no text stay what they are, as Python's own names of
    files do.

    >>> names_in(b"a.txt\n\nb c.txt", null=False)
    ['a.txt', 'b c.txt']

    Raises:
        UsageError: there is a NUL where lines were expected.
    """
    if null:
        return [os.fsdecode(name) for name in data.removesuffix(b"\0").split(b"\0")] if data else []
    if b"\0" in data:
        raise UsageError("a name holds a NUL\n  hint: names that end with a NUL are read with -0")
    return [os.fsdecode(line) for line in data.split(b"\n") if line.strip()]


def task_ids(names: Sequence[str]) -> list[str]:
    """Return an id for the task of each name: the name, with a number where it was there before.

    >>> task_ids(["a", "b", "a", "a"])
    ['a', 'b', 'a[2]', 'a[3]']

    Raises:
        UsageError: a name is empty.
    """
    ids: dict[str, None] = {}
    n_seen: dict[str, int] = {}
    for position, name in enumerate(names, start=1):
        if not name:
            raise UsageError(f"name {position} of {len(names)} is empty")
        task_id = name
        while task_id in ids:
            n_seen[name] = n_seen.get(name, 1) + 1
            task_id = f"{name}[{n_seen[name]}]"
        ids[task_id] = None
    return list(ids)
