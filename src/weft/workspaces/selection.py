"""Which of the plan's files a workspace has to do with, and which of them it gets copies of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from weft.planning.overlap import goes_through, matches
from weft.planning.patterns import Branch, parse
from weft.workspaces.ignore import Ignore
from weft.workspaces.manifest import above

# Weft's own folder holds the workspaces themselves. That of git belongs to one working tree only.
STATE_FOLDER = ".weft"
GIT = ".git"

Kept = tuple[frozenset[str], tuple[str, ...]]


class Covered:
    """Tells which paths ``patterns`` cover, as they would in `reads`: what is below a match is covered.

    >>> Covered(["docs/", "*.py"]).has("docs/a/b.md")
    True
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        self._branches: list[Branch] = [branch for text in patterns for branch in parse(text).branches]

    def has(self, path: str) -> bool:
        """Tell whether ``path``, relative to the plan's directory, is covered."""
        names = (".", *path.split("/"))
        return any(
            matches(branch.segments, names) or goes_through(names, branch.segments)
            for branch in self._branches
        )

    def may_be_below(self, folder: str) -> bool:
        """Tell whether something below ``folder`` may be covered."""
        names = (".", *folder.split("/"))
        return any(
            all(name == part for name, part in zip(names, branch.segments[: branch.n_literal], strict=False))
            for branch in self._branches
        )


class Selection:
    """What a workspace leaves out, and what of the rest is copied.

    Args:
        include: patterns of what is copied; nothing here means all.
        exclude: lines as of a `.gitignore`.

    Raises:
        UsageError: one of ``include`` is no pattern.
    """

    def __init__(self, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> None:
        names = {name for text in include for name in text.split("/")}
        self._never = frozenset({STATE_FOLDER} if GIT in names else {STATE_FOLDER, GIT})
        self._exclude = tuple(exclude)
        self._ignore = Ignore(exclude)
        self._covered = Covered(include) if include else None

    @property
    def kept(self) -> Kept:
        """What is equal for selections that keep the same."""
        return self._never, self._exclude

    def keeps(self, path: str, is_directory: bool) -> bool:
        """Tell whether ``path`` has to do with the workspace, if what is above it has."""
        return path.rpartition("/")[2] not in self._never and not self._ignore.names(path, is_directory)

    def copied(self, entries: Iterable[str]) -> set[str]:
        """Return those of the paths that are copied, and the directories above them."""
        if self._covered is None:
            return set(entries)
        covered = [path for path in entries if self._covered.has(path)]
        return {part for path in covered for part in (*above(path), path)}
