"""The executors of one run, each opened when the first of its kind of work comes."""

from __future__ import annotations

import os
from pathlib import Path

from weft.executors.base import Ended, Executor, Invocation, Spawn
from weft.executors.coroutine import CoroutineExecutor
from weft.executors.current import Witness
from weft.model.attempt import Attempt
from weft.model.work import Call, Where, Work
from weft.runtime.cpus import usable_cpus
from weft.runtime.jobs import SharedJobs


class Executors:
    """Starts and stops attempts.

    Args:
        ended: called with the outcome of every attempt.
        witness: what attempts may know of themselves, and where they tell their costs.
        max_concurrent: the most attempts that run at once; bounds threads and worker processes.
        spool: a folder for output of commands that has no place yet.

    Attributes:
        jobs: what commands share; to be set before the first of them comes.
    """

    def __init__(self, ended: Ended, witness: Witness, max_concurrent: int, spool: Path) -> None:
        self._ended = ended
        self._witness = witness
        self._max_concurrent = max_concurrent
        self._spool = spool
        self.jobs: SharedJobs | None = None
        self._functions: dict[Where, Executor[Invocation]] = {}
        self._commands: Executor[Spawn] | None = None

    def of(self, where: Where) -> Executor[Invocation]:
        """Return the executor that calls functions there."""
        executor = self._functions.get(where)
        if executor is None:
            executor = self._functions[where] = self._for_functions(where)
        return executor

    def spawn(self, attempt: Attempt, spawn: Spawn) -> None:
        """Start an attempt at a command."""
        if self._commands is None:
            self._commands = self._for_commands()
        self._commands.start(attempt, spawn)

    def stop(self, attempt: Attempt, work: Work, *, force: bool) -> None:
        """Stop an attempt that was started at ``work``."""
        executor = self._functions.get(work.where) if isinstance(work, Call) else self._commands
        if executor is not None:
            executor.stop(attempt, force=force)

    async def close(self) -> None:
        """Close what was opened."""
        for executor in self._functions.values():
            await executor.close()
        if self._commands is not None:
            await self._commands.close()

    # What a run does not need is not imported: the start-up of a small run is mostly imports.

    def _for_functions(self, where: Where) -> Executor[Invocation]:
        match where:
            case Where.LOOP:
                return CoroutineExecutor(self._ended, self._witness)
            case Where.THREAD:
                from weft.executors.thread import ThreadExecutor  # noqa: PLC0415

                return ThreadExecutor(self._ended, self._witness, threads=self._max_concurrent)
            case Where.PROCESS:
                from weft.executors.process import ProcessExecutor  # noqa: PLC0415

                return ProcessExecutor(self._ended, self._witness, processes=self._max_concurrent)

    def _for_commands(self) -> Executor[Spawn]:
        from weft.executors.shell import ShellExecutor  # noqa: PLC0415

        helpers = min(self._max_concurrent, usable_cpus())
        jobs = self.jobs
        return ShellExecutor(
            self._ended,
            self._witness,
            helpers=helpers,
            spool=str(self._spool),
            additions=jobs.told_in(os.environ) if jobs is not None else {},
            opened=jobs.files if jobs is not None else {},
        )
