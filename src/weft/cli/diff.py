"""`weft diff`: what was different between two runs."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click
import msgspec

from weft.cli import options
from weft.cli.history import as_json, opened
from weft.cli.standard import write
from weft.journal.fingerprint import changed
from weft.live.values import as_json as value_as_json
from weft.live.wording import count, listed, one_line, span
from weft.model.outcome import Outcome, Succeeded
from weft.model.sentences import outcome_sentence
from weft.runtime.history import run_named
from weft.views.comparison import Comparison, Pace, Turn, compare
from weft.views.tasks import task_rows

PACES_SHOWN = 20


@click.command()
@click.argument("before", metavar="RUN")
@click.argument("after", metavar="RUN")
@as_json
@options.directory
def command(before: str, after: str, as_json: bool) -> None:
    """Tell what was different in the second RUN: tasks, their ends, their results, the time they took.

    RUN is the id of a run, the beginning or the end of one, or `latest`. Times are told that differ by a
    tenth of a second and a fifth.
    """
    with opened() as journal:
        one, other = run_named(journal, before), run_named(journal, after)
        olds, news = journal.fingerprints(one), journal.fingerprints(other)
        parts = {task: changed(old, news[task]) for task, old in olds.items() if task in news}
        found = compare(task_rows(journal.facts(one)), task_rows(journal.facts(other)), parts)
    if as_json:
        write(json.dumps(msgspec.to_builtins(found, enc_hook=value_as_json), indent=2) + "\n")
    else:
        write("".join(f"{line}\n" for line in _lines(found)))


def _lines(found: Comparison) -> Iterator[str]:
    if found.is_empty:
        yield "the two runs are alike"
    if found.gone:
        yield f"{count(len(found.gone), 'task')} only in the first: {listed(found.gone)}"
    if found.new:
        yield f"{count(len(found.new), 'task')} only in the second: {listed(found.new)}"
    for task, parts in found.changed.items():
        yield f"{one_line(task)} is another one: {', '.join(parts)}"
    for turn in found.turned:
        yield f"{one_line(turn.task)} {one_line(_turned(turn))}"
    for pace in (*found.slower[:PACES_SHOWN], *found.faster[:PACES_SHOWN]):
        yield f"{one_line(pace.task)} took {_pace(pace)}"
    rest = max(0, len(found.slower) - PACES_SHOWN) + max(0, len(found.faster) - PACES_SHOWN)
    if rest:
        yield f"{count(rest, 'more task')} took another time"


def _turned(turn: Turn) -> str:
    if isinstance(turn.before, Succeeded) and isinstance(turn.after, Succeeded):
        return "came to another result"
    return f"{_end(turn.after)}; before, it {_end(turn.before)}"


def _end(outcome: Outcome | None) -> str:
    return "has no end" if outcome is None else outcome_sentence(outcome)


def _pace(pace: Pace) -> str:
    word = "longer" if pace.after_s > pace.before_s else "less"
    difference = span(abs(pace.after_s - pace.before_s))
    return f"{difference} {word}: {span(pace.after_s)}, before {span(pace.before_s)}"
