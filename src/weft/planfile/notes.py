"""The problems found while one file is read, so that all of them can be told at once."""

from __future__ import annotations

from typing import NoReturn

from weft.errors import Place, PlanError, Problem
from weft.planfile.tree import MAX_DEPTH, START, Node, Path, Spot
from weft.planfile.wording import found, label


class Notes:
    """Gathers the problems of one file."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._problems: list[Problem] = []
        self._spoilt: set[Path] = set()

    def add(self, spot: Spot, path: Path, message: str, hint: str | None = None) -> None:
        """Take down a problem and go on."""
        self._spoilt.update(path[:length] for length in range(1, len(path) + 1))
        self._problems.append(Problem(path, message, hint, Place(self._file, spot.line, spot.column)))

    def expected(self, node: Node, path: Path, expected: str, hint: str | None = None) -> None:
        """Take down that ``node`` is not what stands at ``path`` in a plan."""
        self.add(node.spot, path, f"{label(path)} is {found(node)}; expected {expected}", hint)

    def spoilt(self, path: Path) -> bool:
        """Tell whether there is a problem with what stands at ``path``, or inside it."""
        return path in self._spoilt

    def fail(self, message: str, spot: Spot = START, hint: str | None = None) -> NoReturn:
        """Take down a problem after which nothing more can be read, and raise."""
        self.add(spot, (), message, hint)
        self.raise_if_any()
        raise AssertionError("there is a problem, so an error was raised")

    def empty(self) -> NoReturn:
        """Refuse a document with nothing in it."""
        self.fail("the file is empty; expected a plan", hint="`weft init` writes one to begin with")

    def too_deep(self, spot: Spot = START) -> NoReturn:
        """Refuse a document that is nested more deeply than any plan."""
        self.fail(f"nested more than {MAX_DEPTH} levels deep; a plan needs less than ten", spot)

    def raise_if_any(self) -> None:
        """Raise a PlanError with every problem, in file order, if there is one."""
        if self._problems:
            raise PlanError(sorted(dict.fromkeys(self._problems), key=_position))


def _position(problem: Problem) -> tuple[int, int]:
    assert problem.place is not None, problem
    return problem.place.line, problem.place.column
