"""`current`: what a task knows of itself while it runs, and what it tells of its costs.

For functions, wherever they are called, and for Python programs that run as commands. Who an attempt is was
said by its executor (`executors.current`), or stands in the environment of a command.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from weft.api.results import TASK, results
from weft.errors import UsageError
from weft.executors.current import AT_WORK, Identity, Witness
from weft.executors.told_cost import cost_line
from weft.model.attempt import Attempt
from weft.planning.nearest import nearest

RUN = "WEFT_RUN_ID"
ATTEMPT = "WEFT_ATTEMPT"
WORKSPACE = "WEFT_WORKSPACE"


class Current:
    """The task that runs here.

    Attributes:
        task_id: the task.
        run_id: the run that it belongs to.
        attempt: the number of the attempt, from 1.
        workspace: the directory in which it is to write: its own, or the plan's. Commands begin there;
            functions do not, since all of a process share one working directory.
    """

    def __init__(self, task_id: str, run_id: str, attempt: int, workspace: str) -> None:
        self.workspace = Path(workspace)
        self.task_id = task_id
        self.run_id = run_id
        self.attempt = attempt

    @property
    def results(self) -> dict[str, Any]:
        """The results of the tasks that a command needs, see `weft.results`."""
        raise UsageError(
            "`weft.current().results` is for commands: a function gets results as its arguments\n"
            "  hint: give it what `add` or `submit` returned for the other task"
        )

    def settle(self, **costs: int) -> None:
        """Tell what this attempt has really cost, in the place of what was reserved for it.

        Args:
            costs: by the names of the costs of its rates; of a rate that has but one, by that of the rate.
                Told again, the last number counts. What is not told is what was reserved.

        Raises:
            UsageError: there is no such cost, or it is no number of units; a function's task has ended.
        """
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{self.task_id}, attempt {self.attempt} in {self.run_id}>"


class _Function(Current):
    """The task of a function."""

    def __init__(self, identity: Identity, witness: Witness) -> None:
        super().__init__(identity.task_id, identity.run_id, identity.attempt.number, identity.workspace)
        self._witness = witness
        self._identity = identity

    def settle(self, **costs: int) -> None:
        _check_units(costs)
        for name in costs:
            if name not in self._identity.costs:
                raise _no_such_cost(name, self._identity)
        _identity(self._witness, self._identity.attempt)
        self._witness.tell(self._identity.attempt, costs)


class _Command(Current):
    """The task of the command that this program is."""

    @property
    def results(self) -> dict[str, Any]:
        return results()

    def settle(self, **costs: int) -> None:
        _check_units(costs)
        if split := [name for name in costs if "=" in name or len(name.split()) != 1]:
            raise UsageError(f"a cost `{split[0]}` can't be told by a command: its name is no single word")
        _at_exit.tell(costs)


class _AtExit:
    """Writes what a program has told of its costs as the last line of its standard error."""

    def __init__(self) -> None:
        self._costs: dict[str, int] = {}
        self._pid = 0

    def tell(self, costs: Mapping[str, int]) -> None:
        if self._pid != os.getpid():  # what a fork has inherited is told by its parent
            self._pid = os.getpid()
            self._costs = {}
            atexit.register(self._write, self._pid)
        self._costs.update(costs)

    def _write(self, pid: int) -> None:
        if pid != os.getpid() or not self._costs:
            return
        with suppress(OSError, ValueError):  # nobody reads it any more, or the program has closed it
            sys.stdout.flush()  # or it would come later, where both go to one file
        with suppress(OSError, ValueError):
            sys.stderr.write(f"{cost_line(self._costs)}\n")
            sys.stderr.flush()


_at_exit = _AtExit()


def current() -> Current:
    """Return the task that runs here: in its function, or in the program that it runs as a command.

    A thread that the function has started by itself does not know of it: call this before, and hand on what
    it returns. It costs nothing to those who don't call it.

    Raises:
        UsageError: no task runs here.

    >>> from weft import map
    >>> map(lambda n: (n, current().task_id), [1])
    [(1, '<lambda>[0]')]
    """
    at_work = AT_WORK.get(None)
    if at_work is not None:
        witness, attempt = at_work
        return _Function(_identity(witness, attempt), witness)
    if task_id := os.environ.get(TASK):
        number = os.environ.get(ATTEMPT, "")
        n_attempt = int(number) if number.isdecimal() else 1
        return _Command(task_id, os.environ.get(RUN, ""), n_attempt, os.environ.get(WORKSPACE, "."))
    raise UsageError(
        "no task runs here: weft.current() is for the function of a task, or a program that runs as one\n"
        "  hint: a thread that a task has started does not know of it: hand on what weft.current() returned"
    )


def _identity(witness: Witness, attempt: Attempt) -> Identity:
    identity = witness.identity(attempt)
    if identity is None:
        raise UsageError("the task that this belongs to has ended: nothing can be told of it any more")
    return identity


def _check_units(costs: Mapping[str, int]) -> None:
    for name, units in costs.items():
        given: object = units
        if isinstance(given, bool) or not isinstance(given, int) or given < 0:
            raise UsageError(f"a cost of {units!r} for `{name}`; expected a whole number of units, 0 or more")


def _no_such_cost(name: str, identity: Identity) -> UsageError:
    if not identity.costs:
        return UsageError(f"task `{identity.task_id}` uses no rate: there is no cost `{name}` to settle")
    near = nearest(name, identity.costs)
    hint = (
        f"did you mean `{near}`?" if near else f"it has {', '.join(f'`{each}`' for each in identity.costs)}"
    )
    return UsageError(f"task `{identity.task_id}` uses no rate with a cost `{name}`\n  hint: {hint}")
