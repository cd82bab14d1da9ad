"""`weft why`: the story of one task in one run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import assert_never

import click
import msgspec

from weft.cli import options
from weft.cli.history import as_json, opened_run, row_named, run_and_task
from weft.cli.standard import write
from weft.journal.reader import RunRecord
from weft.live.values import as_json as value_as_json
from weft.live.wording import count, listed, one_line, span
from weft.model.sentences import outcome_sentence, sentence
from weft.scheduling.facts import (
    AttemptEnded,
    AttemptStarted,
    CacheHit,
    CacheMissed,
    Fact,
    GaveUp,
    GroupDecided,
    HealthChanged,
    LineHeld,
    MergeEnded,
    MergeStarted,
    NotCached,
    RetryScheduled,
    RunEnded,
    RunInterrupted,
    RunStarted,
    RunStopping,
    SharesAsked,
    StopAsked,
    TaskAdded,
    TaskEnded,
    TaskQueued,
    TaskTakenUp,
    UndeclaredWrites,
)
from weft.views.gates import SLOTS, GateKind
from weft.views.story import Happened, Story, WaitedAt, story_of
from weft.views.tasks import task_rows

_TOO_SHORT_S = 0.005  # would be shown as 0.00 s


@click.command()
@run_and_task
@as_json
@options.directory
def command(where: tuple[str, str], as_json: bool) -> None:
    """Tell the story of TASK in RUN: what happened, why it waited, and for how long at which gate.

    RUN is the id of a run, the beginning or the end of one, or `latest`, as it is without it. Moments are
    seconds since the run began. The waits between two attempts are added up for each gate.
    """
    run, task = where
    with opened_run(run) as (journal, record):
        facts = list(journal.facts(record))
        row_named(task_rows(facts), record, task)
        story = story_of(task, facts)
    assert story is not None, f"{task} is there, and has no story"
    if as_json:
        told = msgspec.to_builtins(story.passages, enc_hook=value_as_json)
        write(json.dumps({"run": record.id, "task": task, "passages": told}, indent=2) + "\n")
    else:
        write("".join(f"{line}\n" for line in _lines(record, story)))


def _lines(record: RunRecord, story: Story) -> Iterator[str]:
    end = "has no end" if story.outcome is None else outcome_sentence(story.outcome)
    yield f"{one_line(story.task)} {one_line(end)} in run {record.id}"
    for passage in story.passages:
        if isinstance(passage, WaitedAt) and passage.seconds < _TOO_SHORT_S:
            continue
        said = _happened(passage.fact) if isinstance(passage, Happened) else _waited(passage)
        yield f"{passage.at:>9.3f} s  {one_line(said)}"


def _waited(wait: WaitedAt) -> str:
    seconds, kind = span(wait.seconds), wait.gate.kind
    if wait.because is not None:
        return f"waited {seconds}: {sentence(wait.because)}"
    if kind is GateKind.FINISH:
        return f"{seconds} until that was over"
    return f"waited {seconds} {_for_what(wait, kind)}"


def _for_what(wait: WaitedAt, kind: GateKind) -> str:
    match kind:
        case GateKind.DEPENDENCY:
            return _for_others(wait, "which it needs")
        case GateKind.HAZARD:
            return _for_others(wait, "with which it conflicts")
        case GateKind.MERGE:
            return f"to be brought back, {_for_others(wait, 'which comes before it')}"
        case GateKind.BACKOFF:
            return "until the next attempt was due"
        case GateKind.SHARES:
            return "for the answer of other processes"
        case _:
            assert wait.gate == SLOTS, f"{wait} has no reason"
            return "for a free slot of the run"


def _for_others(wait: WaitedAt, why: str) -> str:
    if wait.last is None:
        return f"for {listed(wait.tasks)}, {why}"
    for_all = f"{len(wait.tasks)} tasks, at last for " if len(wait.tasks) > 1 else ""
    return f"for {for_all}{wait.last}, {why}"


def _happened(fact: Fact) -> str:
    match fact:
        case TaskAdded():
            return "added"
        case TaskTakenUp(_, _, run, None):
            return f"done in run {run}, which this one takes up"
        case TaskTakenUp(_, _, run, again) if again is not None:
            return f"run {run} is taken up, and it runs again: {sentence(again)}"
        case AttemptStarted(_, attempt):
            return f"attempt {attempt.number} started"
        case StopAsked(_, _, force, because):
            why = "" if because is None else f": {sentence(because)}"
            return f"{'killed' if force else 'asked to end'}{why}"
        case AttemptEnded(_, attempt, outcome):
            return f"attempt {attempt.number} {outcome_sentence(outcome)}"
        case CacheHit():
            return "its result of earlier still holds"
        case CacheMissed(_, _, why_not):
            return f"it does its work: {sentence(why_not)}"
        case NotCached(_, _, why_not):
            return f"its result is not kept: {sentence(why_not)}"
        case UndeclaredWrites(_, _, paths):
            return f"it wrote and did not declare: {listed(paths)}"
        case MergeStarted():
            return "what it made is being brought back"
        case MergeEnded(_, _, None, changed):
            return f"what it made was brought back: {count(changed, 'path')} changed"
        case MergeEnded(_, _, failure):
            assert failure is not None
            return f"what it made was not brought back: {sentence(failure)}"
        case RetryScheduled(at, attempt, due):
            return f"attempt {attempt.number} is not due before {span(due - at)} have passed"
        case GaveUp(_, _, because):
            return f"not tried again: {sentence(because)}"
        case TaskEnded(_, _, outcome):
            return outcome_sentence(outcome)
        case GroupDecided(_, group, met, because):
            return f"its group {group} was {'met' if met else 'lost'}: {sentence(because)}"
        case HealthChanged(_, scope, healthy, circuit):
            return f"{scope} was {'healthy' if healthy else 'unhealthy'}, its circuit {circuit.value}"
        case RunStopping(_, because):
            return f"the run was ended early: {sentence(because)}"
        case RunInterrupted():
            return "the run was interrupted"
        case RunStarted() | TaskTakenUp() | TaskQueued() | LineHeld() | SharesAsked() | RunEnded():
            raise AssertionError(f"{fact} is told elsewhere")
        case _:
            assert_never(fact)
