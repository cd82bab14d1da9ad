"""The exit codes of `weft`."""

from __future__ import annotations

from enum import IntEnum
from typing import assert_never

from weft.scheduling.states import RunState
from weft.views.report import Report


class ExitCode(IntEnum):
    """How a command ended, as the shell sees it."""

    SUCCEEDED = 0
    FAILED = 1
    USAGE = 2
    DEGRADED = 3
    INTERNAL = 70  # EX_SOFTWARE of sysexits.h
    TIMED_OUT = 124  # as that of timeout(1)
    HUNG_UP = 129  # 128 + SIGHUP
    INTERRUPTED = 130  # 128 + SIGINT
    TERMINATED = 143  # 128 + SIGTERM


MEANINGS = {
    ExitCode.SUCCEEDED: "succeeded",
    ExitCode.FAILED: "a task failed, `check --race` found a race, or `merge` or `clean` could not do all",
    ExitCode.USAGE: "a mistake in the command or the plan; nothing was begun",
    ExitCode.DEGRADED: "degraded: tasks failed, and their groups tolerate it",
    ExitCode.INTERNAL: "a fault of Weft, or the system refused it something",
    ExitCode.TIMED_OUT: "failed because something took too long",
    ExitCode.HUNG_UP: "hung up (SIGHUP): the terminal was closed",
    ExitCode.INTERRUPTED: "interrupted (Ctrl-C)",
    ExitCode.TERMINATED: "terminated (SIGTERM)",
}

_OF_SIGNALS: dict[int | None, ExitCode] = {
    code - 128: code for code in (ExitCode.HUNG_UP, ExitCode.TERMINATED)
}


def code_of(report: Report) -> ExitCode:
    """Return the exit code for a run that ended with ``report``."""
    match report.state:
        case RunState.SUCCEEDED:
            return ExitCode.SUCCEEDED
        case RunState.DEGRADED:
            return ExitCode.DEGRADED
        case RunState.FAILED:
            return ExitCode.TIMED_OUT if report.timed_out else ExitCode.FAILED
        case RunState.INTERRUPTED:
            return _OF_SIGNALS.get(report.signal, ExitCode.INTERRUPTED)
        case _:
            assert_never(report.state)
