"""The page about whether a task would run: what holds, or which file, field or age decides that none does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from weft.model.miss import MissReason
from weft.model.sentences import sentence
from weft.views.page import Page, count, row, seconds


class Cached(Page, frozen=True):
    """What the cache has of a task.

    ``verdict`` is "hit", "miss", "unknown" (``waits_for`` would run first) or "not cached". Moments are in
    seconds since 1970; ``file_mtimes`` are when the inputs were last written to, in nanoseconds since then.
    """

    task: str
    verdict: str
    because: MissReason | None = None
    sentence: str | None = None
    waits_for: str | None = None
    age_s: float | None = None
    expires_at: float | None = None
    file_mtimes: Mapping[str, int] = {}
    outputs: tuple[str, ...] = ()
    to_restore: tuple[str, ...] = ()

    def lines(self) -> Iterable[str]:
        """Return the page line by line."""
        match self.verdict:
            case "hit":
                yield f"{self.task}: HIT"
                yield from row("result", f"{seconds(self.age_s or 0.0)} old")
                yield from row("inputs", f"{count(len(self.file_mtimes), 'path')}, none has changed")
                put_back = f", {len(self.to_restore)} to be put back" if self.to_restore else ""
                yield from row("outputs", f"{count(len(self.outputs), 'path')}{put_back}")
            case "miss":
                yield f"{self.task}: MISS"
                yield from row("it runs", f"because {self.sentence}")
            case "unknown":
                yield f"{self.task}: UNKNOWN"
                yield from row("", f"it reads the result of `{self.waits_for}`, which would run first")
            case _:
                yield f"{self.task}: NOT CACHED"
                yield from row("", "it runs each time; `cache: true` would change that")


def missed(task: str, because: MissReason) -> Cached:
    """Return the page of a task of which no result holds."""
    return Cached(task, "miss", because, sentence(because))
