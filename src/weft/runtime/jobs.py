"""The jobs that a run shares with make and its like, above it or below.

Under a make, or another Weft, that shares its jobs, the run takes part in that. Else it lends out its own,
to the commands that it runs. How many the run needs is decided in `scheduling.admission`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from weft.runtime.jobserver import JobTokens
from weft.runtime.makeflags import READ_FD, WRITE_FD, with_jobserver

if TYPE_CHECKING:
    from weft.runtime.jobserver_server import JobServer

_VARIABLE = "MAKEFLAGS"
_log = logging.getLogger("weft.jobserver")


def shared_jobs(jobserver: JobTokens | bool, n_jobs: int, folder: Path) -> SharedJobs | None:
    """Return the jobs that a run with up to ``n_jobs`` shares; None if it shares none.

    Args:
        jobserver: the tokens of the one above; or whether to be one.
        n_jobs: how many jobs there may be at once.
        folder: where the run has its files.
    """
    if isinstance(jobserver, JobTokens):
        return SharedJobs(jobserver, n_jobs)
    if not jobserver:
        return None
    # Runs of functions do without, and so does a system that has no such things.
    from weft.runtime.jobserver_server import JobServer  # noqa: PLC0415

    try:
        server = JobServer(n_jobs, folder)
    except OSError as error:
        _log.warning("the run can't share its jobs with its commands, and does without: %s", error)
        return None
    server.tokens.take(n_jobs - 1)
    return SharedJobs(server.tokens, n_jobs, server)


class SharedJobs:
    """The tokens of one run."""

    def __init__(self, tokens: JobTokens, n_jobs: int, server: JobServer | None = None) -> None:
        self._tokens = tokens
        self._n_jobs = n_jobs
        self._server = server
        self._losses_expected = False
        self._closed = False

    @property
    def granted(self) -> int:
        """How many jobs the run may have now."""
        return 1 + self._tokens.n_held

    @property
    def files(self) -> dict[int, str]:
        """The files that commands must have open, by number, for makes that know no fifos by name."""
        return dict.fromkeys((READ_FD, WRITE_FD), self._tokens.path)

    def told_in(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return what an environment needs so that a command finds the jobs."""
        makeflags = environment.get(_VARIABLE, "")
        return {_VARIABLE: with_jobserver(makeflags, self._n_jobs, self._tokens.path)}

    def retold_in(self, additions: Mapping[str, str]) -> dict[str, str]:
        """Return what additions to an environment need so that they don't hide the jobs."""
        return self.told_in(additions) if _VARIABLE in additions else {}

    def trade(self, units: int, came: Callable[[int], None], *, is_idle: bool) -> None:
        """Want so many tokens more, or give them back if it is less than 0.

        Args:
            units: how many.
            came: called in the event loop, each time with how many tokens were taken.
            is_idle: nothing of the run runs; then those that were lost are restored.
        """
        if self._closed:
            return
        self._tokens.give_back(max(0, -units))
        if is_idle and self._server is not None:
            self._tell(self._server.mend())
        self._tokens.want(max(0, units), came)

    def expect_losses(self) -> None:
        """Take in that a command is stopped: from now on, what it takes with it is not worth telling."""
        self._losses_expected = True

    def close(self) -> None:
        """Put all tokens back."""
        if self._closed:
            return
        self._closed = True
        if self._server is not None:
            self._tell(self._server.close())
        else:
            self._tokens.close()

    def _tell(self, n_lost: int) -> None:
        if n_lost > 0 and not self._losses_expected:
            _log.warning("commands have not given back %s of the %s jobs", n_lost, self._n_jobs)
