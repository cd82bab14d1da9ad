"""Two runs side by side: which tasks are in one only, which ended otherwise, and which took another time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from weft.model.outcome import Outcome, Succeeded
from weft.views.tasks import TaskRow

# Less than this may be chance.
_LEAST_S = 0.1
_LEAST_SHARE = 0.2


class Pace(msgspec.Struct, frozen=True):
    """A task that took ``before_s`` seconds in the one run and ``after_s`` in the other."""

    task: str
    before_s: float
    after_s: float


class Turn(msgspec.Struct, frozen=True):
    """A task that ended otherwise, or with another result; None where it has not ended."""

    task: str
    before: Outcome | None
    after: Outcome | None


class Comparison(msgspec.Struct, frozen=True):
    """What is different in the second of two runs. ``changed`` tells which parts of a task are others now."""

    gone: tuple[str, ...]
    new: tuple[str, ...]
    turned: tuple[Turn, ...]
    changed: Mapping[str, tuple[str, ...]]
    slower: tuple[Pace, ...]
    faster: tuple[Pace, ...]

    @property
    def is_empty(self) -> bool:
        """Whether the two runs are alike."""
        return not (self.gone or self.new or self.turned or self.changed or self.slower or self.faster)


def compare(
    before: Sequence[TaskRow], after: Sequence[TaskRow], changed: Mapping[str, tuple[str, ...]] | None = None
) -> Comparison:
    """Return what is different in ``after``.

    Args:
        before: the tasks of the first run.
        after: those of the second.
        changed: parts of tasks that are others in the second, as far as that is known.

    >>> compare([TaskRow("a", seconds=1.0)], [TaskRow("a", seconds=3.0), TaskRow("b")]).new
    ('b',)
    """
    olds = {row.id: row for row in before}
    news = {row.id: row for row in after}
    both = [(olds[id], row) for id, row in news.items() if id in olds]
    paces = [pace for old, new in both if (pace := _pace(old, new)) is not None]
    paces.sort(key=lambda pace: -abs(pace.after_s - pace.before_s))
    return Comparison(
        tuple(id for id in olds if id not in news),
        tuple(id for id in news if id not in olds),
        tuple(Turn(old.id, old.outcome, new.outcome) for old, new in both if _has_turned(old, new)),
        {id: parts for id, parts in (changed or {}).items() if parts and id in olds and id in news},
        tuple(pace for pace in paces if pace.after_s > pace.before_s),
        tuple(pace for pace in paces if pace.after_s < pace.before_s),
    )


def _has_turned(old: TaskRow, new: TaskRow) -> bool:
    if isinstance(old.outcome, Succeeded) and isinstance(new.outcome, Succeeded):
        return bool(old.outcome.value != new.outcome.value)
    return type(old.outcome) is not type(new.outcome) or old.outcome != new.outcome


def _pace(old: TaskRow, new: TaskRow) -> Pace | None:
    if old.seconds is None or new.seconds is None:
        return None
    difference = abs(new.seconds - old.seconds)
    if difference < _LEAST_S or difference < _LEAST_SHARE * max(old.seconds, new.seconds):
        return None
    return Pace(old.id, old.seconds, new.seconds)
