"""Fan-out: from the sources under `each` to the values of every member.

Knows the sources and the files that match; what is done with the values is the matter of `tasks`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from itertools import product
from math import prod

from weft.planfile.globs import matches
from weft.planfile.keys import Source, Values
from weft.planfile.reading import Reading
from weft.planfile.tree import Path
from weft.planfile.wording import printable
from weft.planning.nearest import did_you_mean

# A product grows fast, and by mistake faster: four lists of a hundred make a hundred million.
MAX_MEMBERS = 100_000


def members(each: Mapping[str, Source], path: Path, reading: Reading) -> Iterator[dict[str, str]]:
    """Return the values of each member: every combination, the last key changing fastest.

    There are none where a problem was found; ``path`` is that of `each`.
    """
    columns = []
    for name, source in each.items():
        key = (*path, name)
        columns.append(source.values if isinstance(source, Values) else _files(source.pattern, key, reading))
    n_members = prod(len(column) for column in columns)
    if n_members > MAX_MEMBERS:
        message = f"this makes {n_members:,} tasks; one fan-out may make {MAX_MEMBERS:,}"
        reading.problem(path, message)
        return iter(())
    return (dict(zip(each, row, strict=True)) for row in product(*columns))


def _files(pattern: str, path: Path, reading: Reading) -> list[str]:
    shown = printable(pattern)
    try:
        found = matches(pattern, reading.root, reading.listed)
    except OSError as error:
        where = printable(str(error.filename))
        reading.problem(path, f"can't look for `{shown}`: {error.strerror} (`{where}`)")
        return []
    for name in found:
        if not name.isascii() and name != name.encode(errors="ignore").decode():
            reading.problem(path, f"`{shown}` matches `{printable(name)}`, a name that is not UTF-8")
            return []
    if not found:
        reading.problem(path, f"nothing matches `{shown}`", _why_nothing(pattern, reading.root))
    return found


def _why_nothing(pattern: str, root: str) -> str:
    """Return a hint: the name that may be meant, or what a glob is relative to."""
    first = pattern.partition("/")[0]
    if first and not os.path.lexists(os.path.join(root, first)):
        near = did_you_mean(first, sorted(filter(str.isprintable, os.listdir(root))))
        if near:
            return near
    return "a glob is relative to the plan's directory; for a value that is no file write a list: [value]"
