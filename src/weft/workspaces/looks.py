"""Looks at the plan's directory, shared by all places that are opened meanwhile.

A place must know what stood there when its task began, and nobody tells what others have changed since the
last look. So each look goes over all names again; but a look that has begun after somebody asked for one is
as good as one of their own, and files that have not moved since the last look are not read again. Threads
that look side by side only keep each other waiting: one looks at a time.
"""

from __future__ import annotations

from pathlib import Path
from threading import Lock

from weft.workspaces.manifest import Manifest, take
from weft.workspaces.selection import Kept, Selection


class Looks:
    """Looks at the directory ``root``. May be asked by several threads."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._turn = Lock()
        self._n_begun = 0
        self._last: dict[Kept, tuple[int, Manifest]] = {}

    def take(self, selection: Selection) -> Manifest:
        """Return what ``selection`` keeps of what stands there, looked at after this call.

        Raises:
            OSError: something can't be read.
        """
        n_before = self._n_begun
        kept = selection.kept
        with self._turn:
            number, last = self._last.get(kept, (0, None))
            if last is None or number <= n_before:
                self._n_begun = number = self._n_begun + 1
                last = take(self._root, keep=selection.keeps, last=last)
                self._last[kept] = number, last
            return last
