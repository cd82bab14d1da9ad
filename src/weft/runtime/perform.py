"""Performs the scheduler's actions: makes a job of a task and hands it to the executor of its kind."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from weft.executors.base import Ended, Invocation, Spawn
from weft.model.attempt import Attempt
from weft.model.group import Group
from weft.model.lock import token_variable
from weft.model.outcome import Cancelled, Failed, Outcome, Succeeded
from weft.model.reason import CouldNotStart, NotRecorded
from weft.model.task import Task
from weft.model.work import Bring, Call, Command, Work, has_result
from weft.runtime.executors import Executors
from weft.runtime.folder import ResultFiles, make_run_folder
from weft.runtime.handle import Handle
from weft.runtime.jobs import SharedJobs, shared_jobs
from weft.runtime.jobserver import JobTokens
from weft.runtime.layout import RunFolder, publishing_of
from weft.runtime.links import ground_of
from weft.runtime.references import filled_in, results_of
from weft.runtime.shares import Desk
from weft.runtime.tracing import Tracing
from weft.runtime.witness import RunWitness
from weft.scheduling.actions import (
    Action,
    AskShares,
    BringBack,
    ReturnShares,
    StartAttempt,
    StopAsking,
    StopAttempt,
)
from weft.scheduling.events import BroughtBack, Event, JobsShared, TokensCame

if TYPE_CHECKING:
    # Loaded by those who work apart, and by those who cache.
    from weft.runtime.apart import Apart, Where
    from weft.runtime.caching import Caching
    from weft.runtime.places import Places

_NO_VARIABLES: Mapping[str, str] = {}
_log = logging.getLogger("weft.runtime")


class Performer:
    """Starts and stops attempts at the tasks of one run.

    Args:
        run_id: told to every command as ``WEFT_RUN_ID``.
        root: the directory that the paths of commands are relative to.
        handles: the tasks that have not ended, by position.
        ended: called with the outcome of every attempt.
        witness: what attempts may know of themselves, and where they tell their costs.
        max_concurrent: the most attempts that run at once.
        desk: where to ask other processes for what is shared with them, if anything is.
        jobserver: see `shared_jobs`.
        post: takes what the scheduler must know besides.
        crashed: is told what broke down, if that is a fault of Weft's.
        groups: of tasks, by name.
        strict: whether it is a failure to write in a workspace what was not declared.
        open_cache: opens what looks up the results of tasks that are cached, and keeps them; None to do
            without. It is given what lets an attempt begin, and what is told of its end.

    Attributes:
        halted: why no attempt is started any more: that it was is not recorded.
    """

    def __init__(
        self,
        run_id: str,
        root: Path,
        handles: Mapping[int, Handle],
        ended: Ended,
        witness: RunWitness,
        max_concurrent: int,
        desk: Desk | None,
        jobserver: JobTokens | bool,
        post: Callable[[Event], None],
        crashed: Callable[[BaseException], None],
        groups: Mapping[str, Group],
        *,
        strict: bool,
        open_cache: Callable[[Callable[[Attempt, Handle], None], Ended], Caching] | None,
    ) -> None:
        self._open_cache = open_cache
        self._caching: Caching | None = None  # known when the first task comes that is cached
        self._crashed = crashed
        self._groups = groups
        self._strict = strict
        self._desk = desk
        self._jobserver = jobserver
        self._post = post
        self._max_concurrent = max_concurrent
        self._run_id = run_id
        self._root = root
        self._handles = handles
        self._ended = ended
        self._witness = witness
        spool = RunFolder.of(root, run_id).spool
        self._executors = Executors(self._work_ended, witness, max_concurrent, spool)
        self._results: ResultFiles | None = None
        self.halted: NotRecorded | None = None
        self.folder: RunFolder | None = None  # made when the first command comes
        self._jobs: SharedJobs | None = None  # likewise
        self._places: Places | None = None  # known when the first task comes that works apart
        self._apart: Apart | None = None
        self.tracing: Tracing | None = None

    def perform(self, action: Action) -> None:
        """Do what the scheduler says."""
        if isinstance(action, StartAttempt):  # by far the most frequent comes first
            self._start(action.attempt)
        elif isinstance(action, StopAttempt):
            self._stop(action.attempt, force=action.force)
        elif isinstance(action, BringBack):
            self._bring_back(action.task)
        else:
            self._share(action)

    def _start(self, attempt: Attempt) -> None:
        if self.halted is not None:
            self._ended(attempt, Cancelled(self.halted))
            return
        handle = self._handles[attempt.task]
        if handle.task.cache is not None and self._open_cache is not None:
            if self._caching is None:
                self._caching = self._open_cache(self._begin, self._ended)
            self._caching.begin(attempt, handle)
        else:
            self._begin(attempt, handle)
        if self._desk is not None:
            self._desk.started(attempt.task)

    def _begin(self, attempt: Attempt, handle: Handle) -> None:
        task = handle.task
        work = task.work
        if task.works_apart:
            self._working_apart.begin(attempt, handle)
        elif type(work) is Call:  # by far the most frequent comes first
            self._call(attempt, work, handle)
        elif isinstance(work, Bring):
            self._working_apart.bring(attempt, work.group)
        else:
            self._work(attempt, work, handle)

    def _bring_back(self, position: int) -> None:
        if self._caching is None or not self._caching.bring_back(position):
            self._working_apart.bring_back(position, self._handles[position].task)

    def _work(self, attempt: Attempt, work: Work, handle: Handle, where: Where | None = None) -> None:
        if isinstance(work, Call):
            self._call(attempt, work, handle)
        elif isinstance(work, Command):
            self._spawn(attempt, work, handle, where)

    def _work_ended(self, attempt: Attempt, outcome: Outcome) -> None:
        if self._apart is None or not self._apart.ended(attempt, outcome):
            self._attempt_ended(attempt, outcome)

    def _attempt_ended(self, attempt: Attempt, outcome: Outcome) -> None:
        if self._caching is not None:
            task = self._handles[attempt.task].task
            if self._caching.ended(attempt, task, outcome):
                return
        self._ended(attempt, outcome)

    def _tell(self, event: Event) -> None:
        """Pass on what an attempt that works apart has to tell."""
        if isinstance(event, BroughtBack) and self._caching is not None and self._caching.brought_back(event):
            return
        self._post(event)

    def _stop(self, attempt: Attempt, *, force: bool) -> None:
        if attempt.task in self._handles:  # else it ended in this very turn
            if self._jobs is not None:
                self._jobs.expect_losses()
            if self._caching is not None and self._caching.stop(attempt):
                return
            if self._apart is None or not self._apart.stop(attempt, force=force):
                self._stop_work(attempt, self._handles[attempt.task].task.work, force=force)

    def _stop_work(self, attempt: Attempt, work: Work, *, force: bool) -> None:
        self._executors.stop(attempt, work, force=force)

    @property
    def _working_apart(self) -> Apart:
        if self._apart is None:
            from weft.runtime.apart import Apart  # noqa: PLC0415 - as above

            assert self._places is not None, "a task works apart, and nobody was told of it"
            self._apart = Apart(
                self._places, self._work, self._stop_work, self._attempt_ended, self._tell, self._crashed
            )
            self._witness.places = self._apart.paths
        return self._apart

    def know(self, tasks: Mapping[int, Task]) -> None:
        """Take in tasks, by position, of which some may work in a place of their own.

        Raises:
            UsageError: the folder of the run can't be made.
        """
        apart = {position: task for position, task in tasks.items() if task.works_apart or task.brings_back}
        if not apart:
            return
        folder, _ = self.open_folder()
        if self._places is None:
            from weft.runtime.places import Places  # noqa: PLC0415 - as above

            ground = ground_of(self._root)
            self._places = Places(self._root, folder, ground, self._groups, strict=self._strict)
        self._places.know(apart)

    def take_up(self, run: str, done: Mapping[int, Task]) -> None:
        """Take in what an earlier ``run`` has ``done``, and may have left in its folder."""
        later = {position: task for position, task in done.items() if task.is_merged_later}
        if later and self._places is not None:
            self._places.take_up(run)
            self._working_apart.take_up(later)

    def keep_result(self, handle: Handle) -> None:
        """Write the result of a command that has ended where people and other programs find it."""
        if not has_result(handle.task.work) or not isinstance(handle.outcome, Succeeded):
            return
        _, results = self.open_folder()
        try:
            results.write(handle.id, handle.value)
        except OSError as error:
            _log.warning("the result of `%s` could not be written to its file: %s", handle.id, error)

    def _share(self, action: AskShares | StopAsking | ReturnShares) -> None:
        assert self._desk is not None, f"{action} in a run that shares nothing"
        match action:
            case AskShares(task, shares):
                self._desk.ask(task, self._handles[task].task, shares)
            case StopAsking(shares):
                self._desk.stop_asking(shares)
            case ReturnShares():
                self._desk.give_back(action)

    async def close(self) -> None:
        """Give back what the executors hold, and what other processes wait for."""
        if self._caching is not None:
            caching, self._caching = self._caching, None  # as below
            await caching.close()
        if self._apart is not None:
            apart, self._apart = self._apart, None  # it may be closed again
            await apart.close()
        await self._executors.close()
        if self._jobs is not None:
            self._jobs.close()
        if self._desk is not None:
            await self._desk.close()

    def trade(self, units: int, is_idle: bool) -> None:
        """Want so many jobs of other processes, or hand them back if it is less than 0; see `SharedJobs`."""
        assert self._jobs is not None, f"{units} jobs to trade in a run that shares none"
        self._jobs.trade(units, self._tokens_came, is_idle=is_idle)

    def _tokens_came(self, units: int) -> None:
        self._post(TokensCame(units))

    def _tokens(self, attempt: Attempt) -> dict[str, str]:
        """Return the fencing tokens of the locks that an attempt holds against other processes."""
        tokens = self._desk.tokens(attempt.task) if self._desk is not None else {}
        return {token_variable(lock): str(token) for lock, token in tokens.items()}

    def open_folder(self) -> tuple[RunFolder, ResultFiles]:
        """Return the folder of the run, which is made when it is asked for first.

        Raises:
            UsageError: it can't be made, or what an earlier run has left half done can't be completed.
        """
        if self.folder is None or self._results is None:
            self.folder = make_run_folder(self._root, self._run_id)
            if publishing_of(self._root).is_dir():
                from weft.runtime.places import complete_publishing  # noqa: PLC0415 - as above

                complete_publishing(self._root)
            self._results = ResultFiles(self.folder)
            self._share_jobs(self.folder)
        return self.folder, self._results

    def _share_jobs(self, folder: RunFolder) -> None:
        self._jobs = shared_jobs(self._jobserver, self._max_concurrent, folder.path)
        if self._jobs is not None:
            self._executors.jobs = self._jobs
            self._post(JobsShared(self._jobs.granted))

    def _call(self, attempt: Attempt, call: Call, handle: Handle) -> None:
        args, kwargs = call.args, call.kwargs
        if call.refers:
            results = dict(results_of(handle.needs))
            args = filled_in(args, results)
            kwargs = filled_in(dict(kwargs), results)
        executor = self._executors.of(call.where)
        context, env = handle.context, _NO_VARIABLES
        if self.tracing is not None:
            context, env = self.tracing.entered(attempt, context), self.tracing.environment(attempt)
        executor.start(attempt, Invocation(call.function, args, kwargs, context, handle.task.id, env))

    def _spawn(self, attempt: Attempt, command: Command, handle: Handle, where: Where | None) -> None:
        try:
            spawn = self._prepared(attempt, command, handle, where)
        except (OSError, TypeError, ValueError) as error:
            self._work_ended(attempt, Failed(CouldNotStart(str(error)), error))
        else:
            self._executors.spawn(attempt, spawn)

    def _prepared(self, attempt: Attempt, command: Command, handle: Handle, where: Where | None) -> Spawn:
        folder, results = self.open_folder()
        place = str(self._root if where is None else where.path)
        env = {
            **command.env,
            **(self._jobs.retold_in(command.env) if self._jobs is not None else {}),
            "WEFT_RUN_ID": self._run_id,
            "WEFT_TASK_ID": handle.id,
            "WEFT_ATTEMPT": str(attempt.number),
            "WEFT_WORKSPACE": place,
            **(where.variables if where is not None else {}),
            **self._tokens(attempt),
            **(self.tracing.environment(attempt) if self.tracing is not None else {}),
            "WEFT_RESULTS": "",  # or it would inherit that of a Weft which runs this one as a task
        }
        needed = [needed for needed in handle.needs if has_result(needed.task.work)]
        if needed:
            env["WEFT_RESULTS"] = str(results.lay_out(handle.id, results_of(needed)))
        cwd = place if command.cwd == "." else os.path.join(place, command.cwd)
        if where is not None and where.is_setup:
            return Spawn(command.argv, cwd, env, *folder.setup_outputs(handle.id))
        earlier = None
        if attempt.number > 1:
            earlier = folder.earlier_outputs(handle.id, attempt.number - 1)
        return Spawn(
            command.argv,
            cwd,
            env,
            *folder.outputs(handle.id),
            command.result,
            earlier,
            bool(handle.task.limits and self._witness.costs_of(handle.task)),
        )
