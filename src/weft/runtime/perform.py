"""Performs the scheduler's actions: makes a job of a task and hands it to the executor of its kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from weft.executors.base import Ended, Invocation, Spawn
from weft.model.attempt import Attempt
from weft.model.outcome import Failed, Succeeded
from weft.model.reason import CouldNotStart
from weft.model.work import Call, Command, has_result
from weft.runtime.executors import Executors
from weft.runtime.folder import ResultFiles, make_run_folder
from weft.runtime.handle import Handle
from weft.runtime.layout import RunFolder
from weft.runtime.references import filled_in
from weft.scheduling.actions import Action, StartAttempt


class Performer:
    """Starts and stops attempts at the tasks of one run.

    Args:
        run_id: told to every command as ``WEFT_RUN_ID``.
        root: the directory that the paths of commands are relative to.
        handles: the tasks that have not ended, by position.
        ended: called with the outcome of every attempt.
        max_concurrent: the most attempts that run at once.
    """

    def __init__(
        self, run_id: str, root: Path, handles: Mapping[int, Handle], ended: Ended, max_concurrent: int
    ) -> None:
        self._run_id = run_id
        self._root = root
        self._handles = handles
        self._ended = ended
        self._executors = Executors(ended, max_concurrent, RunFolder.of(root, run_id).spool)
        self._results: ResultFiles | None = None
        self.folder: RunFolder | None = None  # made when the first command comes

    def perform(self, action: Action) -> None:
        """Do what the scheduler says."""
        attempt = action.attempt
        if isinstance(action, StartAttempt):
            handle = self._handles[attempt.task]
            work = handle.task.work
            if isinstance(work, Call):
                self._call(attempt, work, handle)
            else:
                self._spawn(attempt, work, handle)
        elif attempt.task in self._handles:  # else it ended in this very turn
            self._executors.stop(attempt, self._handles[attempt.task].task.work, force=action.force)

    async def close(self) -> None:
        """Give back what the executors hold."""
        await self._executors.close()

    def open_folder(self) -> tuple[RunFolder, ResultFiles]:
        """Return the folder of the run, which is made when it is asked for first.

        Raises:
            UsageError: it can't be made.
        """
        if self.folder is None or self._results is None:
            self.folder = make_run_folder(self._root, self._run_id)
            self._results = ResultFiles(self.folder)
        return self.folder, self._results

    def _call(self, attempt: Attempt, call: Call, handle: Handle) -> None:
        args, kwargs = call.args, call.kwargs
        if call.refers:
            results = dict(_results(handle.needs))
            args = filled_in(args, results)
            kwargs = filled_in(dict(kwargs), results)
        executor = self._executors.of(call.where)
        executor.start(attempt, Invocation(call.function, args, kwargs, handle.context))

    def _spawn(self, attempt: Attempt, command: Command, handle: Handle) -> None:
        try:
            spawn = self._prepared(attempt, command, handle)
        except (OSError, TypeError, ValueError) as error:
            self._ended(attempt, Failed(CouldNotStart(str(error)), error))
        else:
            self._executors.spawn(attempt, spawn)

    def _prepared(self, attempt: Attempt, command: Command, handle: Handle) -> Spawn:
        folder, results = self.open_folder()
        root = str(self._root)
        env = {
            **command.env,
            "WEFT_RUN_ID": self._run_id,
            "WEFT_TASK_ID": handle.id,
            "WEFT_ATTEMPT": str(attempt.number),
            "WEFT_WORKSPACE": root,
            "WEFT_RESULTS": "",  # or it would inherit that of a Weft which runs this one as a task
        }
        needed = [needed for needed in handle.needs if has_result(needed.task.work)]
        if needed:
            env["WEFT_RESULTS"] = str(results.lay_out(handle.id, _results(needed)))
        earlier = None
        if attempt.number > 1:
            earlier = folder.earlier_outputs(handle.id, attempt.number - 1)
        cwd = root if command.cwd == "." else str(self._root / command.cwd)
        return Spawn(
            command.argv,
            cwd,
            env,
            *folder.outputs(handle.id),
            command.result,
            earlier,
        )


def _results(needed: Sequence[Handle]) -> Iterator[tuple[str, Any]]:
    """Yield ids and results of those that have one: of a group that is needed, some may have failed."""
    for handle in needed:
        if isinstance(handle.outcome, Succeeded):
            yield handle.id, handle.value
