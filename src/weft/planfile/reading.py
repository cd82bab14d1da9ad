"""What is being read: a tree, the plan's directory, and the problems so far."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from weft.planfile.notes import Notes
from weft.planfile.tree import START, Node, Path, Table, spot_at

_NOTHING = Table({}, {}, START)


class Reading(msgspec.Struct, frozen=True):
    """One plan file on its way to a Plan; ``root`` is the plan's directory.

    ``listed`` is told of each place that is about to be looked into as a directory.
    """

    tree: Node
    root: str
    notes: Notes
    listed: Callable[[str], None] = lambda path: None

    def problem(self, path: Path, message: str, hint: str | None = None) -> None:
        """Take down a problem with what stands at ``path``."""
        place = path
        if path and isinstance(path[-1], int) and self.notes.spoilt(path[:-1]):
            place = path[:-1]  # items are missing from the list, so that the number is not the file's
        self.notes.add(spot_at(self.tree, place), path, message, hint)

    def names(self, key: str) -> list[str] | None:
        """Return the names in the mapping under ``key``, also of what could not be read.

        None where something else stands there. Names that can't be shown are left out.
        """
        table = self.tree.nodes.get(key, _NOTHING) if isinstance(self.tree, Table) else None
        return list(filter(str.isprintable, table.nodes)) if isinstance(table, Table) else None
