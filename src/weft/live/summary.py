"""The closing summary: counts and time, groups and health, what was left out and why, the failures last.

Lines have a kind, so that a display may colour them; their text is complete without.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from enum import Enum
from itertools import islice

import msgspec

from weft.live.log import log_of, shown_path, tail
from weft.live.wording import count, listed, one_line, totals
from weft.model.outcome import Cancelled, Failed, Outcome, Skipped, Succeeded
from weft.model.reason import CancelAsked, Raised, Unhealthy
from weft.model.sentences import outcome_sentence, sentence
from weft.runtime.layout import RunFolder
from weft.scheduling.states import RunState
from weft.views.report import GroupReport, Report

FAILURES_SHOWN = 20
CAUSES_SHOWN = 10
GROUPS_SHOWN = 10
LOG_LINES = 10
# How a run ended, where its counts alone do not tell.
PREFIXES = {RunState.INTERRUPTED: "interrupted: ", RunState.DEGRADED: "degraded: "}


class LineKind(Enum):
    """What a line of the summary is about."""

    COUNTS = "counts"
    WARNING = "warning"
    LEFT_OUT = "left out"
    FAILURE = "failure"
    LOG = "log"


class Line(msgspec.Struct, frozen=True):
    """One line of the summary."""

    text: str
    kind: LineKind


def summary(report: Report, folder: RunFolder | None = None) -> Iterator[Line]:
    """Yield the lines of the summary.

    Args:
        report: what became of the run.
        folder: where the run keeps its logs, if it does.

    >>> for line in summary(Report(RunState.SUCCEEDED, {"build": Succeeded()}, seconds=1.5)):
    ...     print(line.text)
    1 task in 1.5 s: 1 succeeded
    """
    yield Line(_counts(report), LineKind.COUNTS)
    yield from early_end(report)
    yield from _groups(report.groups)
    for scope, health in report.health.items():
        if not health.is_healthy:
            text = one_line(sentence(Unhealthy(scope, health.error_rate)))
            yield Line(text, LineKind.WARNING)
    for task, paths in islice(report.undeclared.items(), CAUSES_SHOWN):
        text = f"`{task}` wrote and did not declare: {listed(paths)}"
        yield Line(one_line(text), LineKind.WARNING)
    for task, because in islice(report.not_kept.items(), CAUSES_SHOWN):
        text = f"the result of `{task}` is not kept: {sentence(because)}"
        yield Line(one_line(text), LineKind.WARNING)
    not_succeeded = report.not_succeeded
    yield from _left_out(not_succeeded, Skipped, "skipped")
    yield from _left_out(not_succeeded, Cancelled, "cancelled")
    yield from failures(report, folder)


def early_end(report: Report) -> Iterator[Line]:
    """Yield the part of the summary that tells why the run ended early, if it did so by itself."""
    if report.because is not None:
        yield Line(f"the run ended early: {one_line(sentence(report.because))}", LineKind.WARNING)


def failures(report: Report, folder: RunFolder | None = None) -> Iterator[Line]:
    """Yield the part of the summary that tells of the tasks that failed, in plan order."""
    failed = ((task, end) for task, end in report.not_succeeded.items() if isinstance(end, Failed))
    for task, outcome in islice(failed, FAILURES_SHOWN):
        told = outcome_sentence(outcome, report.attempts.get(task, 1))
        yield Line(f"{one_line(task)} {one_line(told)}", LineKind.FAILURE)
        yield from _log(task, outcome, folder)
    rest = [task for task, _ in failed]
    if rest:
        yield Line(f"{count(len(rest), 'more task')} failed: {listed(rest)}", LineKind.FAILURE)


def _counts(report: Report) -> str:
    ended: Counter[type[Outcome]] = Counter(map(type, report.outcomes.values()))
    words: dict[type[Outcome], str] = {
        Succeeded: "succeeded",
        Failed: "failed",
        Cancelled: "cancelled",
        Skipped: "skipped",
    }
    counts = {word: ended[kind] for kind, word in words.items()}
    before = PREFIXES.get(report.state, "")
    line = totals(len(report.outcomes), report.seconds, counts, len(report.cached), before)
    over = f" ({len(report.taken_over)} taken over from {report.resumed})" if report.taken_over else ""
    return f"{line}{over}"


def _groups(groups: Mapping[str, GroupReport]) -> Iterator[Line]:
    """Tell how the groups stand of which a member did not succeed."""
    troubled = [name for name, group in groups.items() if group.succeeded < group.members or not group.met]
    verdicts = {True: "met", False: "lost", None: "not decided"}
    for name in troubled[:GROUPS_SHOWN]:
        group = groups[name]
        required = "" if group.required is None else f", {group.required} required"
        counts = f"{group.succeeded} of {group.members} succeeded{required}"
        yield Line(f"group {one_line(name)}: {counts}: {verdicts[group.met]}", LineKind.WARNING)
    if rest := troubled[GROUPS_SHOWN:]:
        text = f"{count(len(rest), 'more group')} had members that did not succeed: {listed(rest)}"
        yield Line(text, LineKind.WARNING)


def _left_out(
    outcomes: Mapping[str, Outcome], kind: type[Skipped] | type[Cancelled], word: str
) -> Iterator[Line]:
    """Tell of the tasks that were not carried out, together with those that have the same cause."""
    causes: dict[str, list[str]] = {}
    for task, outcome in outcomes.items():
        if isinstance(outcome, kind):
            asked = isinstance(outcome.because, CancelAsked)  # needs no other words than the state
            cause = "" if asked else f" because {one_line(sentence(outcome.because))}"
            causes.setdefault(cause, []).append(task)
    for cause, tasks in islice(causes.items(), CAUSES_SHOWN):
        was = "was" if len(tasks) == 1 else "were"
        text = f"{count(len(tasks), 'task')} {was} {word}{cause}: {listed(tasks)}"
        yield Line(text, LineKind.LEFT_OUT)
    rest = list(islice(causes.values(), CAUSES_SHOWN, None))
    if rest:
        n_tasks = sum(len(tasks) for tasks in rest)
        was = "was" if n_tasks == 1 else "were"
        text = f"{count(n_tasks, 'more task')} {was} {word}, for {count(len(rest), 'other cause')}"
        yield Line(text, LineKind.LEFT_OUT)


def _log(task: str, outcome: Failed, folder: RunFolder | None) -> Iterator[Line]:
    """Show the end of what the task wrote, or of its traceback."""
    path = log_of(folder, task) if folder is not None else None
    lines: list[str] = []
    if path is not None:
        lines = tail(path, LOG_LINES)
    elif isinstance(outcome.because, Raised):
        lines = [one_line(line) for line in outcome.because.traceback.splitlines()[-LOG_LINES:]]
    for line in lines:
        yield Line(f"  | {line}".rstrip(), LineKind.LOG)
    if path is not None:
        yield Line(f"  log: {one_line(shown_path(path), longest=4096)}", LineKind.LOG)
