"""Follows a run from another terminal: through the journal, as if it were shown where it was started."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from weft.cli.codes import ExitCode, code_of
from weft.cli.faults import log_in_one_line
from weft.cli.history import opened_run
from weft.cli.wishes import Wishes
from weft.journal.reader import JournalReader, RunRecord
from weft.live.choose import open_display
from weft.live.kinds import choose
from weft.runtime.layout import RunFolder
from weft.runtime.watch import TICK_S, Display
from weft.scheduling.facts import RunEnded
from weft.views.report import Report, ReportView


def follow(name: str, wishes: Wishes) -> ExitCode:
    """Show the run that a user names until it has ended, and return the exit code that it has.

    Raises:
        UsageError: there is no such run.
    """
    log_in_one_line()
    kind = choose(
        json=wishes.as_json, quiet=wishes.quiet, is_terminal=sys.stderr.isatty(), environment=os.environ
    )
    lost: list[OSError] = []
    with opened_run(name) as (journal, record):
        folder = RunFolder.of(Path(), record.id)
        display = open_display(
            kind,
            stdout=sys.stdout,
            stderr=sys.stderr,
            folder=folder,
            output=wishes.output,
            verbose=wishes.verbose,
            lost=lost.append,
        )
        try:
            report = _shown(journal, record, display)
        except KeyboardInterrupt:
            display.close()
            sys.stderr.write(f"run {record.id} goes on\n")
            return ExitCode.INTERRUPTED
        finally:
            display.close()
    if lost:
        raise lost[0]
    if report is None:
        sys.stderr.write(f"run {record.id} has no end: its process has gone\n")
        return ExitCode.FAILED
    return code_of(report)


def _shown(journal: JournalReader, record: RunRecord, display: Display) -> Report | None:
    """Show the run as it goes on; return its report, None if it broke off."""

    def pause() -> None:
        display.tick()
        time.sleep(TICK_S)

    view = ReportView()
    has_ended = False
    for facts in journal.follow(record, pause):
        view.fold_all(facts)
        display.show(facts)
        has_ended = has_ended or isinstance(facts[-1], RunEnded)
    if not has_ended:
        return None
    report = view.report()
    display.finish(report)
    return report
