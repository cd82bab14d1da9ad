"""The engine: takes tasks while it runs, and ends when they have.

Puts the scheduler, the turn loop, the executors and the handles together. What a task is, in which
order tasks start and how they are carried out is decided elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import Context, copy_context
from functools import partial
from inspect import iscoroutinefunction, unwrap
from pathlib import Path
from types import TracebackType
from typing import Any

from weft.errors import PlanError, UsageError
from weft.model.attempt import Attempt
from weft.model.limits import Limit
from weft.model.outcome import Outcome
from weft.model.priority import NORMAL, Priority
from weft.model.reason import Needs, WaitReason
from weft.model.task import Task
from weft.model.work import Call, Command, Where, Work
from weft.planning.check import demand_problems, limit_problems
from weft.planning.graph import Edge
from weft.planning.prepare import PreparedTask
from weft.planning.priority import UNKNOWN_S
from weft.runtime.bus import Bus, Subscriber
from weft.runtime.clock import running_clock
from weft.runtime.folder import new_run_id
from weft.runtime.handle import Handle
from weft.runtime.layout import RunFolder
from weft.runtime.loop import TurnLoop
from weft.runtime.perform import Performer
from weft.runtime.references import references
from weft.scheduling.events import (
    AttemptFinished,
    CancelRequested,
    InterruptRequested,
    PlanClosed,
    TasksSubmitted,
)
from weft.scheduling.facts import Fact, TaskEnded
from weft.scheduling.scheduler import Scheduler

# The seed of this project: a pool for independent tasks holds five.
MAX_CONCURRENT_DEFAULT = 5


class Engine:
    """Runs tasks that are submitted to it, until it is left.

    Args:
        max_concurrent: how many tasks may run at once.
        limits: further pools by name; tasks take units of them while they run.
        root: the directory that commands run in, and that holds `.weft`.

    Leaving the ``async with`` block waits for all tasks. Leaving it by an exception, or by being
    cancelled, stops them first.

    >>> async def double(x):
    ...     return 2 * x
    >>> async def main():
    ...     async with Engine(max_concurrent=2) as engine:
    ...         a = engine.submit(double, 21)
    ...         b = engine.submit(double, a)  # a handle as argument is a dependency
    ...         return await b
    >>> asyncio.run(main())
    84
    """

    def __init__(
        self,
        max_concurrent: int = MAX_CONCURRENT_DEFAULT,
        limits: Mapping[str, Limit] | None = None,
        *,
        root: str | Path = ".",
    ) -> None:
        self._limits = dict(limits or {})
        if problems := limit_problems(max_concurrent, self._limits):
            raise PlanError(problems)
        self.run_id = new_run_id()
        self._max_concurrent = max_concurrent
        self._root = Path(root).absolute()
        self._scheduler = Scheduler(max_concurrent, self._limits)
        self._handles: dict[int, Handle] = {}  # of tasks that have not ended
        self._n_submitted = 0
        self._bus = Bus()
        self._sealed = False
        self._performer: Performer | None = None  # from here on: known while the engine is open
        self._turns: TurnLoop | None = None
        self._finished: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Engine:
        if self._turns is not None:
            raise UsageError("an engine runs once: make a new one")
        self._finished = asyncio.get_running_loop().create_future()
        self._performer = Performer(
            self.run_id, self._root, self._handles, self._attempt_ended, self._max_concurrent
        )
        self._turns = TurnLoop(
            self._scheduler,
            running_clock(),
            record=self._settle,
            perform=self._performer.perform,
            publish=self._turn_done,
            crashed=self._crashed,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.interrupt()
        await self.close()

    async def close(self) -> None:
        """Take no more tasks and wait until all have ended; a wait that is cancelled stops them first."""
        self.seal()
        await self.wait()

    def seal(self) -> None:
        """Take no more tasks."""
        turns, _, _ = self._opened()
        if not self._sealed:
            self._sealed = True
            turns.post(PlanClosed())

    async def wait(self) -> None:
        """Wait until the engine is sealed and all tasks have ended; if cancelled, stop them first."""
        _, performer, finished = self._opened()
        cancelled: asyncio.CancelledError | None = None
        while not finished.done():
            try:
                await asyncio.shield(finished)
            except asyncio.CancelledError as error:
                self.interrupt(force=cancelled is not None)
                self.seal()
                cancelled = error
        await performer.close()
        finished.result()
        if cancelled is not None:
            raise cancelled

    def submit(
        self,
        work: Callable[..., Any] | Command,
        /,
        *args: Any,
        id: str | None = None,
        needs: Iterable[Handle] = (),
        limits: Mapping[str, int] | None = None,
        priority: Priority = NORMAL,
        duration_s: float | None = None,
        where: Where | None = None,
    ) -> Handle:
        """Add a task.

        Args:
            work: a function, sync or async, or a `Command`.
            args: its arguments. A handle among them, be it in a list, tuple or dictionary, stands for
                its result and is a dependency. (`functools.partial` holds keyword arguments.)
            id: the task's name; by default made from that of the function.
            needs: tasks that must succeed before this one starts.
            limits: units that the task takes of the engine's limits while it runs.
            priority: HIGH, NORMAL or LOW.
            duration_s: how long it is expected to take, in seconds; shapes the order of starts.
            where: for a function: in the event loop, a thread or a worker process. By default a
                coroutine function runs in the loop, any other in a thread.

        Raises:
            PlanError: the task asks for a limit that the engine does not have, or for too much of it.
            UsageError: the engine is not open.
        """
        turns, performer, _ = self._opened()
        if self._sealed:
            raise UsageError("the engine is closed: it takes no more tasks")
        required = _required(args, needs)
        if isinstance(work, Command):
            performer.open_folder()
        task = Task(
            id or f"{name_of(work)}[{self._n_submitted}]",
            work_of(work, args, where),
            tuple(handle.id for handle in required),
            limits or {},
            priority,
            duration_s,
        )
        if problems := demand_problems(task, self._limits):
            raise PlanError(problems)
        handle = self._handle(task, copy_context())
        handle.needs = required
        edges = tuple(Edge(needed.position, handle.position, True, Needs(needed.id)) for needed in required)
        path_s = UNKNOWN_S if duration_s is None else duration_s
        turns.post(TasksSubmitted((PreparedTask(handle.position, task, edges, path_s),)))
        return handle

    def submit_prepared(self, tasks: Sequence[PreparedTask], context: Context) -> list[Handle]:
        """Add tasks whose edges are known; their positions follow those of the tasks before."""
        turns, performer, _ = self._opened()
        handles = [self._handle(prepared.task, context) for prepared in tasks]
        first = self._n_submitted - len(handles)
        for prepared, handle in zip(tasks, handles, strict=True):
            if prepared.edges:
                handle.needs = [handles[edge.before - first] for edge in prepared.edges if edge.required]
            if type(prepared.task.work) is Command:
                performer.open_folder()
        turns.post(TasksSubmitted(tuple(tasks)))
        return handles

    @property
    def folder(self) -> RunFolder | None:
        """The folder of the run; None while there is no command in it."""
        return self._performer.folder if self._performer is not None else None

    def open_folder(self) -> RunFolder:
        """Make the folder of the run now, if it is not there yet.

        Raises:
            UsageError: it can't be made.
        """
        return self._opened()[1].open_folder()[0]

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call ``subscriber`` with the facts of every turn from now on."""
        self._bus.subscribe(subscriber)

    def cancel(self, *handles: Handle) -> None:
        """Take these tasks back. Those that run are stopped; those that have ended are left alone."""
        self._opened()[0].post(CancelRequested(tuple(handle.position for handle in handles)))

    def interrupt(self, signal: int | None = None, *, force: bool = False) -> None:
        """End the run early: start nothing new and stop what runs, by ``force`` where that is possible."""
        turns, _, finished = self._opened()
        if not finished.done():
            turns.post(InterruptRequested(signal, force))

    def waiting(self, handle: Handle) -> tuple[WaitReason, ...]:
        """Return why a task has not started; empty when it has."""
        return self._scheduler.waiting(handle.position)

    def _opened(self) -> tuple[TurnLoop, Performer, asyncio.Future[None]]:
        if self._turns is None or self._performer is None or self._finished is None:
            raise UsageError("the engine is not open: use `async with Engine() as engine`")
        return self._turns, self._performer, self._finished

    def _handle(self, task: Task, context: Context) -> Handle:
        position = self._n_submitted
        self._n_submitted += 1
        handle = self._handles[position] = Handle(self, position, task, context)
        return handle

    def _attempt_ended(self, attempt: Attempt, outcome: Outcome) -> None:
        self._opened()[0].post(AttemptFinished(attempt, outcome))

    def _settle(self, facts: Sequence[Fact]) -> None:
        """Give the handles their outcomes, before what depends on them is started."""
        for fact in facts:
            if isinstance(fact, TaskEnded):
                self._handles.pop(fact.task).settle(fact.outcome)

    def _turn_done(self, facts: Sequence[Fact]) -> None:
        self._bus.publish(facts)
        finished = self._finished
        if self._scheduler.ended is not None and finished is not None and not finished.done():
            finished.set_result(None)

    def _crashed(self, error: BaseException) -> None:
        """A turn broke down: nobody may wait for ever."""
        for handle in tuple(self._handles.values()):
            handle.abandon(error)
        if self._finished is not None and not self._finished.done():
            self._finished.set_exception(error)


def name_of(work: Callable[..., Any] | Command) -> str:
    """Return what a task is called whose user gave it no name."""
    if isinstance(work, Command):
        return "command"
    return getattr(work, "__name__", type(work).__name__)


def place_of(function: Callable[..., Any], where: Where | None = None) -> Where:
    """Return where a function is called: as its user says, else in the place that suits its kind."""
    if where is not None:
        return where
    return Where.LOOP if is_async(function) else Where.THREAD


def is_async(function: Callable[..., Any]) -> bool:
    """Tell whether a call gives a coroutine; partials and callable objects are looked through."""
    bare = unwrap(function)
    while isinstance(bare, partial):
        bare = bare.func
    return iscoroutinefunction(bare) or iscoroutinefunction(type(bare).__call__)


def work_of(work: Callable[..., Any] | Command, args: tuple[Any, ...], where: Where | None) -> Work:
    """Return the work that a caller describes by a function with its arguments, or by a command."""
    if isinstance(work, Command):
        return work
    return Call(work, args, {}, place_of(work, where), next(references(args), None) is not None)


def _required(args: tuple[Any, ...], needs: Iterable[Handle]) -> list[Handle]:
    """Return every handle that a new task depends on, once, in program order."""
    found = [*needs, *references(args)]
    strangers = [handle for handle in found if not isinstance(handle, Handle)]
    if strangers:
        raise UsageError(f"expected handles of this engine's tasks, found {strangers[0]!r}")
    by_position = {handle.position: handle for handle in found if isinstance(handle, Handle)}
    return [by_position[position] for position in sorted(by_position)]
