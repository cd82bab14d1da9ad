"""A timeline drawn with characters, which mean the same without colour, on any terminal.

One row for each lane, with the attempts that ran in it; below, one for each task of the critical path, with
the gates at which it waited, each kind by a letter of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import ceil

from weft.views.gates import GateKind
from weft.views.page import count
from weft.views.spans import brief
from weft.views.timeline import Ran, Timeline, Waited
from weft.views.visible import visible

MOST_LANES = 40
MOST_CRITICAL = 20
_LABEL = 16
_SHORTEST_NAME = 4  # of less nobody knows what it means

LETTERS = {
    GateKind.DEPENDENCY: "d",
    GateKind.HAZARD: "h",
    GateKind.POOL: "p",
    GateKind.RATE: "r",
    GateKind.LOCK: "l",
    GateKind.HEALTH: "x",
    GateKind.SHARES: "s",
    GateKind.BACKOFF: "b",
    GateKind.MERGE: "m",
    GateKind.FINISH: "f",
}


def draw(timeline: Timeline, width: int = 80) -> str:
    """Return the drawing, at most ``width`` columns wide, each line ended."""
    return "".join(f"{line.rstrip()}\n" for line in _lines(timeline, max(width, 2 * _LABEL)))


def _lines(timeline: Timeline, width: int) -> Iterator[str]:
    n_tasks = len({ran.task for ran in timeline.ran})
    yield f"{count(n_tasks, 'task')} ran, {count(timeline.n_lanes, 'attempt')} at once at most"
    if not timeline.ran:
        return
    scale = _Scale(timeline.seconds, width - _LABEL - 3)
    end = brief(timeline.seconds)
    yield f"{'':{_LABEL}} 0{end:>{scale.n_cells}}"
    lanes: list[list[Ran]] = [[] for _ in range(timeline.n_lanes)]
    for ran in timeline.ran:
        lanes[ran.lane].append(ran)
    for number, lane in enumerate(lanes[:MOST_LANES], start=1):
        yield f"{f'lane {number}':{_LABEL}} |{scale.bars(lane)}|"
    if timeline.n_lanes > MOST_LANES:
        yield f"and {count(timeline.n_lanes - MOST_LANES, 'lane')} more"
    if timeline.critical:
        yield ""
        yield "critical path"
        yield from _critical(timeline, scale)
    yield ""
    yield from _legend(timeline)


def _critical(timeline: Timeline, scale: _Scale) -> Iterator[str]:
    shown = timeline.critical[:MOST_CRITICAL]
    of: dict[str, list[Ran | Waited]] = {task: [] for task in shown}
    pieces: Sequence[Ran | Waited] = [*timeline.waited, *timeline.ran]
    for piece in pieces:
        if piece.task in of:
            of[piece.task].append(piece)
    for task, its_pieces in of.items():
        yield f"{_cut(visible(task), _LABEL):{_LABEL}} |{scale.letters(its_pieces)}|"
    if len(timeline.critical) > MOST_CRITICAL:
        yield f"and {count(len(timeline.critical) - MOST_CRITICAL, 'task')} more"


def _legend(timeline: Timeline) -> Iterator[str]:
    yield "[#] an attempt on the critical path, [=] another one; : several in one place"
    waited_s: dict[GateKind, float] = {}
    for wait in timeline.waited:
        if wait.critical:
            kind = _kind(wait)
            waited_s[kind] = waited_s.get(kind, 0.0) + wait.until - wait.since
    if waited_s:
        told = (f"{LETTERS[kind]} {kind} {brief(waited_s[kind])}" for kind in LETTERS if kind in waited_s)
        yield f"waits of its tasks: {', '.join(told)}"


class _Scale:
    """Where moments are in a row of so many cells."""

    def __init__(self, length_s: float, n_cells: int) -> None:
        self.n_cells = n_cells
        self._per_s = n_cells / length_s if length_s > 0.0 else 0.0

    def cells(self, piece: Ran | Waited) -> tuple[int, int]:
        """Return the first cell of a piece, and the one behind it; there is always one."""
        first = min(int(piece.since * self._per_s), self.n_cells - 1)
        return first, min(max(first + 1, ceil(piece.until * self._per_s)), self.n_cells)

    def bars(self, lane: Sequence[Ran]) -> str:
        """Return a row of attempts, with their names where there is room."""
        row = [" "] * self.n_cells
        for ran in lane:
            first, behind = self.cells(ran)
            if row[first] == " ":
                row[first:behind] = _bar(ran, behind - first)
            elif first + 1 < behind:  # the one before has the cell in which this one begins
                row[first + 1 : behind] = _bar(ran, behind - first - 1)
            else:
                row[first] = ":"
        return "".join(row)

    def letters(self, pieces: Iterable[Ran | Waited]) -> str:
        """Return a row of waits, each as the letter of its gate, and attempts."""
        row = [" "] * self.n_cells
        for piece in pieces:
            first, behind = self.cells(piece)
            mark = LETTERS[_kind(piece)] if isinstance(piece, Waited) else "#"
            row[first:behind] = mark * (behind - first)
        return "".join(row)


def _bar(ran: Ran, n_cells: int) -> str:
    fill = "#" if ran.critical else "="
    if n_cells == 1:
        return fill
    room = n_cells - 2
    name = _cut(visible(ran.task), room) if room >= _SHORTEST_NAME else ""
    return f"[{name:{fill}<{room}}]"


def _kind(wait: Waited) -> GateKind:
    return GateKind(wait.gate.partition(" ")[0])


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}~"
