"""Annotations for GitHub Actions: failures stand at the top of the page of a workflow run, too.

The lines are commands to the runner, as told in "Workflow commands for GitHub Actions" of its documentation.
It shows no more than ten errors and ten warnings of one step.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from weft.live.streams import Streams
from weft.model.outcome import Failed
from weft.model.reason import Unhealthy
from weft.model.sentences import outcome_sentence, sentence
from weft.runtime.watch import Display
from weft.views.report import Report

MOST = 10


class Annotated:
    """A display, and after its summary the annotations."""

    def __init__(self, display: Display, streams: Streams) -> None:
        self._display = display
        self._streams = streams
        self.show = display.show
        self.tick = display.tick
        self.close = display.close

    def finish(self, report: Report) -> None:
        """Show how the run ended."""
        self._display.finish(report)
        for line in annotated(report):
            self._streams.err.line(line)
        self._streams.flush()


def annotated(report: Report) -> Iterator[str]:
    """Yield an error for each of the first failures, and warnings about health and groups.

    >>> from weft.model.reason import Exited
    >>> from weft.scheduling.states import RunState
    >>> list(annotated(Report(RunState.FAILED, {"lint: all": Failed(Exited(2))})))
    ['::error title=lint%3A all::failed: exit code 2']
    """
    failed = ((task, end) for task, end in report.outcomes.items() if isinstance(end, Failed))
    for task, outcome in islice(failed, MOST):
        yield _command("error", task, outcome_sentence(outcome, report.attempts.get(task, 1)))
    warnings = [
        (scope, sentence(Unhealthy(scope, health.error_rate)))
        for scope, health in report.health.items()
        if not health.is_healthy
    ]
    warnings += [
        (f"group {name}", f"{group.succeeded} of {group.members} succeeded")
        for name, group in report.groups.items()
        if not group.met or group.succeeded < group.members
    ]
    for title, message in warnings[:MOST]:
        yield _command("warning", title, message)


def _command(kind: str, title: str, message: str) -> str:
    return f"::{kind} title={_escaped(title, ':,')}::{_escaped(message)}"


def _escaped(text: str, more: str = "") -> str:
    """Return ``text`` in one line, without what would end it as part of a command."""
    for character in ("%", "\r", "\n", *more):
        text = text.replace(character, f"%{ord(character):02X}")
    return text
