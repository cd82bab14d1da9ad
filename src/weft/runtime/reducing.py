"""Reduces results to one by a command of the user's: JSON goes in, JSON comes out.

The command gets the array of all values, in plan order, on its standard input; what it writes is the result.
It is started like the commands of tasks, so that it ends with Weft, however that ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

import msgspec

from weft.errors import UsageError
from weft.executors.base import Spawn
from weft.executors.shell import ShellExecutor
from weft.model.aggregate import Aggregate
from weft.model.attempt import Attempt
from weft.model.outcome import Outcome, Succeeded
from weft.model.sentences import outcome_sentence
from weft.model.work import Command, ResultFormat
from weft.runtime.layout import RunFolder
from weft.runtime.signals import interrupts
from weft.views.aggregate.attendance import Attendance
from weft.views.aggregate.lists import found_in
from weft.views.aggregate.reduction import Reduction

_ATTEMPT = Attempt(0, 1)  # the only one of its executor


async def reduced(
    name: str,
    aggregate: Aggregate,
    command: Command,
    outcomes: Mapping[str, Outcome],
    folder: RunFolder,
    root: Path,
    *,
    own_signals: bool,
) -> Reduction:
    """Return what ``command`` makes of ``outcomes``.

    Args:
        name: of the aggregate.
        aggregate: as the plan declares it.
        command: its command.
        outcomes: by task, in plan order.
        folder: of the run; keeps what the command was given and what it wrote.
        root: the directory that the command runs in.
        own_signals: let Ctrl-C, SIGTERM and SIGHUP end the command.

    Raises:
        UsageError: the command did not succeed, or a result can't be read as the aggregate wants.
        TooFewResults: there are fewer results than are required.
        OSError: the files of the command can't be made.
    """
    attendance = Attendance(aggregate.min_required)
    given = [entry.value for entry in found_in(outcomes, aggregate.field, attendance)]
    place = folder.aggregate(name)
    place.mkdir(parents=True, exist_ok=True)
    values = place / "values.json"
    try:
        values.write_bytes(msgspec.json.encode(given))
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        raise UsageError(f"the results can't be written as JSON: {error}") from error
    spawn = Spawn(
        # The shell is gone as soon as it has opened the file.
        ("/bin/sh", "-c", 'exec "$@" <"$0"', str(values), *command.argv),
        str(root / command.cwd),
        {**command.env, "WEFT_RUN_ID": folder.path.name, "WEFT_TASK_ID": name, "WEFT_ATTEMPT": "1"},
        str(place / "stdout.log"),
        str(place / "stderr.log"),
        ResultFormat.JSON,
    )
    outcome = await _carried_out(spawn, folder, own_signals=own_signals)
    if not isinstance(outcome, Succeeded):
        raise UsageError(f"its command {outcome_sentence(outcome)}{_last_words(place / 'stderr.log', root)}")
    return Reduction(value=outcome.value, **attendance.told())


async def _carried_out(spawn: Spawn, folder: RunFolder, *, own_signals: bool) -> Outcome:
    ended: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    executor = ShellExecutor(lambda _, outcome: ended.set_result(outcome), helpers=1, spool=str(folder.spool))

    def stop(signal: int, force: bool) -> None:
        executor.stop(_ATTEMPT, force=force)

    try:
        with interrupts(stop) if own_signals else nullcontext():
            executor.start(_ATTEMPT, spawn)
            return await asyncio.shield(ended)
    finally:
        await executor.close()  # which ends what still runs, if somebody has cancelled this


def _last_words(log: Path, root: Path) -> str:
    """Return the end of what the command has complained of, and where the rest of it stands."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""  # it has written nothing
    return f": {lines[-1].strip()} (log: {log.relative_to(root)})" if lines else ""
