"""Where an aggregate takes its results from: names, and patterns for the ids of tasks.

In a pattern `*` stands for any text and `?` for one character; brackets are those of a fan-out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from weft.model.task import Task
from weft.planning.names import Names

_WILDCARDS = {"*": ".*", "?": "."}


def is_pattern(name: str, names: Names) -> bool:
    """Tell whether ``name`` is a pattern, and not the name of something."""
    return not names.knows(name) and any(char in name for char in _WILDCARDS)


def sources(source: Iterable[str], tasks: Sequence[Task], names: Names) -> list[int]:
    """Return the positions of the tasks that ``source`` stands for, in program order.

    >>> tasks = [Task("lint[a]", None), Task("test[a]", None), Task("lint", None)]
    >>> sources(["lint[*"], tasks, Names(tasks))
    [0]
    """
    found: set[int] = set()
    for name in source:
        if is_pattern(name, names):
            fits = re.compile("".join(_WILDCARDS.get(char) or re.escape(char) for char in name), re.DOTALL)
            found.update(
                position
                for position, task in enumerate(tasks)
                if not task.brings_back and fits.fullmatch(task.id)
            )
        else:
            found.update(names.positions([name]))
    return sorted(found)
