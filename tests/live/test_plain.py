from __future__ import annotations

from collections.abc import Callable, Sequence
from io import TextIOWrapper

from tests.live.written import written

from weft.live.choose import DisplayKind, open_display
from weft.runtime.layout import RunFolder
from weft.scheduling.facts import Fact, RunInterrupted
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
