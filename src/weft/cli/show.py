"""`weft show`: what became of the tasks of one run."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import Any

import click
import msgspec

from weft.cli import options
from weft.cli.history import as_json, moment, opened_run
from weft.cli.runs import object_of
from weft.cli.standard import write
from weft.journal.encoding import NotKept
from weft.journal.reader import RunRecord
from weft.live.values import as_json as value_as_json
from weft.live.wording import one_line, span
from weft.model.outcome import Succeeded
from weft.model.reason import NeverFinished, NewTask
from weft.model.sentences import outcome_sentence, sentence
from weft.scheduling.states import NAME_AFTER
from weft.views.metrics import Metrics, metrics_of
from weft.views.metrics_text import metrics_text
from weft.views.tasks import TaskRow, task_rows


@click.command()
@click.argument("run", metavar="[RUN]", default="latest")
@options.option("--metrics", is_flag=True, help="Tell the run in numbers: waits by gate, limits, groups.")
@as_json
@options.directory
def command(run: str, metrics: bool, as_json: bool) -> None:
    """Tell how RUN went, by default the latest one: each task, its time, its outcome.

    RUN is the id of a run, the beginning or the end of one, or `latest`.
    """
    with opened_run(run) as (journal, record):
        facts = list(journal.facts(record))
    if metrics:
        _tell_metrics(metrics_of(facts), as_json=as_json)
        return
    rows = task_rows(facts)
    if as_json:
        told = {**object_of(record), "tasks": [_object(row) for row in rows]}
        write(json.dumps(told, indent=2) + "\n")
    else:
        write("".join(f"{line.rstrip()}\n" for line in _lines(record, rows)))


def _tell_metrics(metrics: Metrics, *, as_json: bool) -> None:
    if as_json:
        # Of a name that is no text Python's JSON makes an escape, where msgspec refuses it.
        write(json.dumps(msgspec.to_builtins(metrics, str_keys=True), indent=2) + "\n")
    else:
        write(metrics_text(metrics))


def _lines(run: RunRecord, rows: list[TaskRow]) -> Iterator[str]:
    took = "" if run.seconds is None else f" after {span(run.seconds)}"
    yield f"run {run.id}: {run.standing.value}{took}"
    yield f"began {moment(run.started)} by `{one_line(shlex.join(run.argv))}`"
    yield ""
    for row in rows:
        yield f"{'' if row.seconds is None else span(row.seconds):>10}  {one_line(row.id)} {_said(row)}"


def _said(row: TaskRow) -> str:
    if row.outcome is None:
        return "began, and has no end" if row.attempts else "has not begun"
    if row.taken_from is not None:
        return f"was done in run {row.taken_from}"
    plainly = row.again is None or isinstance(row.again, NewTask | NeverFinished)
    again = "" if row.again is None or plainly else f"; it ran again: {sentence(row.again)}"
    return one_line(outcome_sentence(row.outcome, row.attempts) + again)


def _object(row: TaskRow) -> dict[str, Any]:
    outcome = row.outcome
    told: dict[str, Any] = {
        "task": row.id,
        "state": None if outcome is None else NAME_AFTER[type(outcome)],
        "seconds": row.seconds,
        "attempts": row.attempts,
        "taken_over_from": row.taken_from,
    }
    if isinstance(outcome, Succeeded):
        kept = outcome.value
        told["value"] = {"$not_kept": kept.kind} if isinstance(kept, NotKept) else value_as_json(kept)
    elif outcome is not None:
        told["sentence"] = outcome_sentence(outcome, row.attempts)
    return told
