"""An executor that does no work: attempts end as a script says, or when a test says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from weft.executors.base import Ended
from weft.model.attempt import Attempt
from weft.model.outcome import Outcome, Succeeded
from weft.testing.builders import cancelled


class ScriptedExecutor:
    """Takes the place of any executor.

    Args:
        ended: told how each attempt ended.
        script: how attempts end as soon as they start, by the position of their task; those that
            are not mentioned run until `finish` is called.
        stubborn: positions of tasks that take no notice of a polite stop.

    Attributes:
        jobs: what was started, in the order of the starts.
        stops: what was asked to end, and whether by force, in the order of the requests.
        running: the attempts that have not ended.
        closed: tells whether `close` was called.

    >>> from weft.model.attempt import Attempt
    >>> executor = ScriptedExecutor(lambda attempt, outcome: print(attempt.task, outcome))
    >>> executor.start(Attempt(0), "a job")
    >>> executor.finish(0)
    0 Succeeded(value=None)
    """

    def __init__(
        self, ended: Ended, script: Mapping[int, Outcome] | None = None, *, stubborn: Iterable[int] = ()
    ) -> None:
        self._ended = ended
        self._script = dict(script or {})
        self._stubborn = frozenset(stubborn)
        self.jobs: dict[Attempt, Any] = {}
        self.stops: list[tuple[Attempt, bool]] = []
        self.running: list[Attempt] = []
        self.closed = False

    def start(self, attempt: Attempt, job: Any) -> None:
        """Note that the attempt began; end it, if the script says how."""
        assert attempt not in self.jobs, f"{attempt} is started twice"
        assert not self.closed, f"{attempt} is started after the end"
        self.jobs[attempt] = job
        self.running.append(attempt)
        if attempt.task in self._script:
            self._end(attempt, self._script[attempt.task])

    def stop(self, attempt: Attempt, *, force: bool) -> None:
        """End the attempt as cancelled, unless its task is stubborn and may still be so."""
        self.stops.append((attempt, force))
        if attempt in self.running and (force or attempt.task not in self._stubborn):
            self._end(attempt, cancelled())

    def finish(self, task: int, outcome: Outcome | None = None) -> None:
        """End the running attempt at the task of this position; it succeeded, if nothing else is said."""
        running = [attempt for attempt in self.running if attempt.task == task]
        assert running, f"task {task} is not running: {self.running}"
        self._end(running[0], Succeeded() if outcome is None else outcome)

    async def close(self) -> None:
        """Note that it is over."""
        assert not self.running, f"closed while these run: {self.running}"
        self.closed = True

    def _end(self, attempt: Attempt, outcome: Outcome) -> None:
        self.running.remove(attempt)
        self._ended(attempt, outcome)
