from __future__ import annotations

from collections.abc import Callable, Sequence
from io import TextIOWrapper

from tests.live.written import written

from weft.live.choose import open_display
from weft.live.kinds import DisplayKind
from weft.model.attempt import Attempt
from weft.model.reason import TimedOut
from weft.runtime.layout import RunFolder
from weft.scheduling.facts import AttemptStarted, Fact, RunInterrupted, StopAsked, TaskAdded
from weft.views.report import Report

Golden = Callable[[str, str], None]


def played(
    facts: Sequence[Fact], report: Report, stream: TextIOWrapper, folder: RunFolder, verbose: bool
) -> str:
    display = open_display(DisplayKind.PLAIN, stdout=stream, stderr=stream, folder=folder, verbose=verbose)
    display.show(facts[:9])
    display.tick()
    display.show(facts[9:])
    display.finish(report)
    display.close()
    return written(stream).decode()


def test_each_end_has_a_line_and_the_failures_come_last(
    facts: Sequence[Fact], report: Report, stderr: TextIOWrapper, folder: RunFolder, golden: Golden
) -> None:
    golden("plain.txt", played(facts, report, stderr, folder, verbose=False))


def test_starts_are_shown_to_those_who_ask(
    facts: Sequence[Fact], report: Report, stderr: TextIOWrapper, folder: RunFolder, golden: Golden
) -> None:
    golden("plain_verbose.txt", played(facts, report, stderr, folder, verbose=True))


def test_retries_timeouts_groups_and_health_are_told_in_a_line_each(
    trouble: Sequence[Fact], bad_report: Report, stderr: TextIOWrapper, golden: Golden
) -> None:
    display = open_display(DisplayKind.PLAIN, stdout=stderr, stderr=stderr, verbose=True)
    display.show(trouble)
    display.finish(bad_report)
    golden("trouble_plain.txt", written(stderr).decode())


def test_an_attempt_that_is_followed_by_another_is_no_failed_task(
    trouble: Sequence[Fact], stderr: TextIOWrapper
) -> None:
    display = open_display(DisplayKind.PLAIN, stdout=stderr, stderr=stderr)
    display.show(trouble)
    lines = [line for line in written(stderr).decode().splitlines() if "build" in line]
    assert lines == [
        "build: attempt 1 failed: exit code 1; attempt 2 in 2.0 s",
        "build: attempt 2 failed: exit code 1; attempt 3 in 4.0 s",
        "[11/16] build succeeded after 3 attempts (3.0 s)",
    ]


def test_what_is_killed_because_it_does_not_end_is_told(stderr: TextIOWrapper) -> None:
    late = TimedOut(5.0)
    display = open_display(DisplayKind.PLAIN, stdout=stderr, stderr=stderr)
    display.show(
        [
            TaskAdded(0.0, 0, "slow"),
            AttemptStarted(0.0, Attempt(0)),
            StopAsked(5.0, Attempt(0), because=late),
            StopAsked(10.0, Attempt(0), force=True, because=late),
        ]
    )
    assert written(stderr).decode().splitlines() == [
        "slow: it took longer than 5 s; ending it",
        "slow: it took longer than 5 s; killing it, for it does not end",
    ]


def test_our_own_lines_have_no_control_characters(
    facts: Sequence[Fact], report: Report, stderr: TextIOWrapper, stdout: TextIOWrapper
) -> None:
    display = open_display(DisplayKind.PLAIN, stdout=stdout, stderr=stderr, verbose=True)
    display.show(facts)
    display.finish(report)
    assert all(line.isprintable() for line in written(stderr).decode().splitlines())
    assert written(stdout) == b""


def test_an_interrupt_is_answered_at_once(stderr: TextIOWrapper) -> None:
    display = open_display(DisplayKind.PLAIN, stdout=stderr, stderr=stderr)
    display.show([RunInterrupted(0.0, 2), RunInterrupted(0.5, 2, force=True)])
    assert written(stderr).decode() == "ending what runs\nkilling what still runs\n"


def test_quiet_shows_the_failures_only(
    facts: Sequence[Fact], report: Report, stderr: TextIOWrapper, folder: RunFolder, golden: Golden
) -> None:
    display = open_display(DisplayKind.QUIET, stdout=stderr, stderr=stderr, folder=folder)
    display.show(facts)
    display.tick()
    assert written(stderr).decode() == ""
    display.finish(report)
    display.close()
    golden("quiet.txt", written(stderr).decode())


def test_quiet_tells_why_a_run_ended_early(
    trouble: Sequence[Fact], bad_report: Report, stderr: TextIOWrapper, golden: Golden
) -> None:
    display = open_display(DisplayKind.QUIET, stdout=stderr, stderr=stderr)
    display.show(trouble)
    display.finish(bad_report)
    golden("trouble_quiet.txt", written(stderr).decode())
