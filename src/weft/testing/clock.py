"""A clock for tests: it moves when it is told to."""

from __future__ import annotations


class ManualClock:
    """Time in seconds, for everything that takes a clock as a function without arguments.

    >>> clock = ManualClock()
    >>> clock.advance(2.5)
    >>> clock()
    2.5
    """

    def __init__(self, start: float = 0.0) -> None:
        self.now = start

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        self.advance_to(self.now + seconds)

    def advance_to(self, moment: float) -> None:
        """Let time pass until ``moment``, which must not lie in the past."""
        assert moment >= self.now, f"a clock never goes back: {moment} < {self.now}"
        self.now = moment
