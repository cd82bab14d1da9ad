"""The engine: takes tasks while it runs, and ends when they have.

Puts the scheduler, the turn loop, the executors and the handles together. What a task is, in which
order tasks start and how they are carried out is decided elsewhere.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import Context, copy_context
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Unpack

from weft.errors import PlanError, UsageError
from weft.model.attempt import Attempt
from weft.model.cache import CACHE_BYTES
from weft.model.group import Group, group_of
from weft.model.limits import Limit
from weft.model.lock import Lock
from weft.model.outcome import Outcome
from weft.model.policy import Policy
from weft.model.reason import (
    BringsBack,
    DependencyPending,
    Needs,
    NeedsGroup,
    NotRecorded,
    WaitReason,
)
from weft.model.task import Task
from weft.model.work import Call, Command
from weft.model.workspace import Merged, Placed, merge_of, workspace_of
from weft.planning.arrivals import Arrivals
from weft.planning.check import shared_problems
from weft.planning.graph import Edge
from weft.planning.merges import brought_by, merging_task
from weft.planning.prepare import PreparedPlan, PreparedTask
from weft.planning.priority import UNKNOWN_S
from weft.runtime.bus import Bus, Subscriber
from weft.runtime.clock import running_clock
from weft.runtime.folder import new_run_id
from weft.runtime.handle import Handle
from weft.runtime.hazards import Hazards
from weft.runtime.jobserver import JobTokens
from weft.runtime.layout import RunFolder
from weft.runtime.log import LOG, RunLog
from weft.runtime.loop import TurnLoop
from weft.runtime.options import TaskOptions, taking_options, task_of
from weft.runtime.perform import Performer
from weft.runtime.references import references_of
from weft.runtime.shares import Desk, open_impatient, open_sharing
from weft.runtime.subscription import EVERYWHERE, Subscription
from weft.runtime.tracing import Tracing
from weft.runtime.witness import RunWitness
from weft.runtime.work import name_of, work_of
from weft.scheduling.actions import StopAttempt
from weft.scheduling.events import (
    AttemptFinished,
    CancelRequested,
    CostTold,
    Event,
    InterruptRequested,
    PlanClosed,
    RecordLost,
    TakenUp,
    TasksSubmitted,
)
from weft.scheduling.facts import Fact, TaskEnded
from weft.scheduling.scheduler import Scheduler
from weft.scheduling.voting import Election
from weft.scheduling.waiting import Queue, queues

if TYPE_CHECKING:
    from weft.executors.base import Ended
    from weft.runtime.caching import Caching, Watcher
    from weft.runtime.recording import Recording

# Few enough for any API or disk, enough to hide waiting; whoever has more to give says so.
MAX_CONCURRENT_DEFAULT = 5
_DEFAULT = Policy()


class Engine:
    """Runs tasks that are submitted to it, until it is left.

    Args:
        max_concurrent: how many tasks may run at once.
        limits: further pools by name; tasks take units of them while they run.
        root: the directory that commands run in, and that holds `.weft`.
        groups: groups of tasks by name.
        policy: what is done when things go wrong.
        locks: those that are shared with other processes, by name.
        jobserver: whether commands share the jobs of this run, as those of make do; or the tokens of a
            jobserver above, with which the run shares them all.
        wait: whether tasks wait for what other processes hold, or fail.
        elections: votes among the first tasks, by their positions, that end as soon as they are decided.
        workspace: where tasks work that have none of their own, and whose group has none.
        merge: how what they make there is brought back.
        strict: whether a task fails that writes in its workspace what it does not declare.
        cache: whether tasks that are cached use results of earlier runs, and keep theirs.
        forced: ids of tasks, and of families, that run whatever is kept of them.
        cache_bytes: how large the cache may be when the engine is left; what was used longest ago goes first.
        journal: record what happens in `.weft/weft.db`, where `weft runs` and its like find it.

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
        groups: Mapping[str, Group] | None = None,
        policy: Policy = _DEFAULT,
        locks: Mapping[str, Lock] | None = None,
        jobserver: JobTokens | bool = True,
        wait: bool = True,
        workspace: Placed | None = None,
        merge: Merged | None = None,
        elections: Sequence[Election] = (),
        strict: bool = False,
        journal: bool = False,
        cache: bool = True,
        forced: Iterable[str] = (),
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self._limits = dict(limits or {})
        self._locks = dict(locks or {})
        self._groups = {name: group_of(group) for name, group in (groups or {}).items()}
        place, how = workspace_of(workspace), merge_of(merge)
        if problems := shared_problems(max_concurrent, self._limits, self._groups, policy, place, how):
            raise PlanError(problems)
        self._arrivals = Arrivals(self._limits, self._groups, place, how)
        self._strict = strict
        self.run_id = new_run_id()
        self._max_concurrent, self._jobserver, self._journal = max_concurrent, jobserver, journal
        self._watcher: Watcher | None = None
        self._caches, self._forced, self._cache_bytes = cache, frozenset(forced), cache_bytes
        self._recording: Recording | None = None
        self._open_sharing = open_sharing if wait else open_impatient
        self._root = Path(root).absolute()
        self._scheduler = Scheduler(
            max_concurrent, self._limits, self._groups, policy, self.run_id, self._locks, elections
        )
        self._handles: dict[int, Handle] = {}  # of tasks that have not ended
        self._witness = RunWitness(self.run_id, self._handles, self._limits, self._locks, self._root)
        self._merged_later: list[Handle] = []
        self._n_submitted = 0
        self._hazards = Hazards(self._root, self._groups)
        self._bus = Bus()
        self._before = Bus()  # of who must know of a turn before anything is begun
        self._subscriptions: list[Subscription] = []  # of this engine alone
        self._sealed = self._interrupted = False
        self._performer: Performer | None = None  # from here on: known while the engine is open
        self._turns: TurnLoop | None = None
        self._finished: asyncio.Future[None] | None = None
        self._thread = 0

    async def __aenter__(self) -> Engine:
        if self._turns is not None:
            raise UsageError("this engine was opened before, and an engine runs once: make a new one")
        self._thread = threading.get_ident()
        self._finished = asyncio.get_running_loop().create_future()
        self._performer = Performer(
            self.run_id,
            self._root,
            self._handles,
            self._attempt_ended,
            self._witness,
            self._max_concurrent,
            self._desk(),
            self._jobserver,
            self._post,
            self._crashed,
            self._groups,
            strict=self._strict,
            open_cache=self._open_cache if self._caches else None,
        )
        self._turns = TurnLoop(
            self._scheduler,
            running_clock(),
            record=self._settle,
            perform=self._performer.perform,
            trade=self._performer.trade,
            publish=self._turn_done,
            crashed=self._crashed,
        )
        if self._journal:
            self.keep_journal()
        for subscription in EVERYWHERE.open():
            self.listen(subscription.take)
        if LOG.isEnabledFor(logging.INFO):
            self.listen(RunLog(self.run_id).take)
        return self

    def _open_cache(self, begin: Callable[[Attempt, Handle], None], ended: Ended) -> Caching:
        # What makes fingerprints of functions takes a while to load.
        from weft.runtime.caching import Caching  # noqa: PLC0415

        return Caching(
            self._root,
            RunFolder.of(self._root, self.run_id),
            begin,
            ended,
            self._post,
            self._crashed,
            self._forced,
            self._cache_bytes,
            self._watcher,
        )

    def keep_journal(self, prepared: PreparedPlan | None = None) -> None:
        """Record in `.weft/weft.db` what happens; of a run that carries out ``prepared``, to be resumed.

        To be called before the first task is submitted.

        Raises:
            JournalError: it can't be written.
            UsageError: nor can its folder be made.
        """
        # SQLite and all that belongs to it is only loaded for those who record.
        from weft.runtime.recording import Recording  # noqa: PLC0415

        self._opened()
        self._recording = Recording(self._root, self.run_id, prepared)

    def watch_cache(self, watcher: Watcher) -> None:
        """Tell ``watcher`` which results of earlier hold, and which are kept."""
        self._watcher = watcher

    def _desk(self) -> Desk | None:
        """Return where to ask other processes, if anything is shared with them."""
        shares = self._scheduler.admission.shares
        if not shares.is_used:
            return None
        return Desk(self.run_id, self._limits, shares, self._open_sharing, self._post)

    def _post(self, event: Event) -> None:
        assert self._turns is not None, f"{event} in an engine that was never open"
        self._turns.post(event)

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
            self._bring_back_the_rest()
            self._sealed = True
            turns.post(PlanClosed())

    @property
    def sealed(self) -> bool:
        """Whether the engine takes no more tasks."""
        return self._sealed

    async def wait(self) -> None:
        """Wait until the engine is sealed and all tasks have ended; if cancelled, stop them first."""
        _, performer, finished = self._opened()
        cancelled: asyncio.CancelledError | None = None
        while not finished.done():
            try:
                await asyncio.wait([finished])
            except asyncio.CancelledError as error:
                self.interrupt(force=self._interrupted)  # whoever asks again is out of patience
                self.seal()
                cancelled = error
        closing = asyncio.create_task(performer.close())
        while not closing.done():
            try:
                await asyncio.wait([closing])
            except asyncio.CancelledError as error:  # half closed would leave processes behind
                cancelled = error
        try:
            closing.result()
        finally:
            if self._recording is not None:
                self._recording.close()
        for subscription in self._subscriptions:
            subscription.end()
        finished.result()
        if cancelled is not None:
            raise cancelled

    @taking_options
    def submit(
        self,
        work: Callable[..., Any] | Command,
        /,
        *args: Any,
        id: str | None = None,
        needs: Iterable[Handle] = (),
        **options: Unpack[TaskOptions],
    ) -> Handle:
        """Add a task.

        Args:
            work: a function, sync or async, or a `Command`.
            args: its arguments. A handle among them, be it in a list, tuple or dictionary, stands for
                its result and is a dependency. `functools.partial` holds keyword arguments.
            id: the task's name; by default made from that of the function.
            needs: tasks that must succeed before this one starts.
            options: see `TaskOptions`.

        Raises:
            PlanError: the task makes no sense: it asks for a limit or a group that the engine does not have,
                for too much of a limit, for less than one attempt. Or there is such an id already.
            UsageError: the engine is not open, or can't take this work.
            TypeError: a task has no such option.
        """
        turns, performer, _ = self._opened()
        self._check_thread()
        if self._sealed:
            raise UsageError(
                "the engine is closed: it takes no more tasks\n  hint: submit inside its `async with` block"
            )
        described = work_of(work, args, options.get("where"))
        required = self._required([*needs, *references_of(described)])
        task_id = id or f"{name_of(work)}[{self._n_submitted}]"
        task = task_of(task_id, described, [handle.id for handle in required], options)
        task = self._arrivals.take(task, is_named=id is not None)
        if isinstance(work, Command):
            performer.open_folder()
        performer.know({self._n_submitted: task})
        handle = self._handle(task, copy_context())
        handle.needs = tuple(required)
        edges = [Edge(needed.position, handle.position, True, Needs(needed.id)) for needed in required]
        starts, merges = self._hazards.add(handle.position, task)
        path_s = UNKNOWN_S if task.duration_s is None else task.duration_s
        prepared = PreparedTask(handle.position, task, (*edges, *starts), path_s, merges_after=tuple(merges))
        if task.is_merged_later:
            self._merged_later.append(handle)
        turns.post(TasksSubmitted((prepared,)))
        return handle

    def _bring_back_the_rest(self) -> None:
        """Add the tasks that bring back what others have made, once all these are known."""
        later = self._merged_later
        for group in (*self._groups, None) if later else ():
            members = [later[number] for number in brought_by(group, [handle.task for handle in later])]
            if members:  # those of the run come when all tasks have ended
                before = members if group is not None else tuple(self._handles.values())
                self._bring_back(merging_task(group), before)

    def _bring_back(self, task: Task, before: Sequence[Handle]) -> None:
        turns, performer, _ = self._opened()
        handle = self._handle(task, copy_context())
        edges = [Edge(other.position, handle.position, False, BringsBack(other.id)) for other in before]
        performer.know({handle.position: task})
        turns.post(TasksSubmitted((PreparedTask(handle.position, task, tuple(edges), 0.0, task.needs),)))

    def submit_prepared(
        self, tasks: Sequence[PreparedTask], context: Context, taken_up: TakenUp | None = None
    ) -> list[Handle]:
        """Add tasks whose edges are known; their positions follow those of the tasks before.

        What an earlier run has done of them is ``taken_up``.
        """
        turns, performer, _ = self._opened()
        first = self._n_submitted
        performer.know({prepared.position: prepared.task for prepared in tasks})
        if taken_up is not None:
            performer.take_up(taken_up.run, {at: tasks[at - first].task for at in taken_up.done})
        handles = [self._handle(prepared.task, context) for prepared in tasks]
        for prepared, handle in zip(tasks, handles, strict=True):
            work = prepared.task.work
            if type(work) is Call and not work.refers:
                continue  # it has no use for the results of others
            if isinstance(work, Command):
                performer.open_folder()
            needed = {edge.before for edge in prepared.edges if isinstance(edge.because, Needs | NeedsGroup)}
            handle.needs = [handles[position - first] for position in sorted(needed)]
        turns.post(TasksSubmitted(tuple(tasks), taken_up))
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

    def subscribe(self, callback: Callable[[Fact], object]) -> Subscription:
        """Call ``callback`` with every fact of this engine from now on, see `weft.subscribe`."""
        subscription = Subscription(callback)
        self._subscriptions.append(subscription)
        self.listen(subscription.take)
        return subscription

    def listen(self, subscriber: Subscriber) -> None:
        """Call ``subscriber`` with the facts of every turn from now on, and wait for it each time."""
        self._bus.subscribe(subscriber)

    def trace(self, tracing: Tracing) -> None:
        """Let ``tracing`` know the facts of every turn before its attempts begin, and these their spans."""
        self._before.subscribe(tracing.record)
        self._opened()[1].tracing = tracing

    def cancel(self, *handles: Handle) -> None:
        """Take these tasks back. Those that run are stopped; those that have ended are left alone."""
        live = tuple([handle.position for handle in self._required(handles) if handle.outcome is None])
        if live:
            self._check_thread()
            self._opened()[0].post(CancelRequested(live))

    def interrupt(self, signal: int | None = None, *, force: bool = False) -> None:
        """End the run early: start nothing new and stop what runs, by ``force`` where that is possible."""
        turns, _, finished = self._opened()
        if not finished.done():
            self._interrupted = True
            turns.post(InterruptRequested(signal, force))

    def waiting(self, handle: Handle) -> tuple[WaitReason, ...]:
        """Return why a task has not started; empty when it has.

        Of a task that was submitted a moment ago, only what it needs is known: whether there is room for
        it is looked at when the caller lets the event loop go on.
        """
        self._required([handle])
        if handle.position >= len(self._scheduler.tasks.states):
            return tuple([DependencyPending(needed.id) for needed in handle.needs if needed.outcome is None])
        return self._scheduler.waiting(handle.position)

    def queues(self) -> list[Queue]:
        """Return what tasks wait for that wait for no other task; about how many, the longest queue first."""
        return queues(self._scheduler.admission)

    def _opened(self) -> tuple[TurnLoop, Performer, asyncio.Future[None]]:
        if self._turns is None or self._performer is None or self._finished is None:
            raise UsageError("the engine is not open: use `async with Engine() as engine`")
        return self._turns, self._performer, self._finished

    def _check_thread(self) -> None:
        if threading.get_ident() != self._thread:
            raise UsageError(
                "an engine takes calls in the thread of its event loop only\n"
                "  hint: a task that submits or cancels others is an `async def` function"
            )

    def _required(self, found: Iterable[object]) -> list[Handle]:
        """Return every handle that a new task depends on, once, in program order."""
        by_position: dict[int, Handle] = {}
        for handle in found:
            if not isinstance(handle, Handle):
                raise UsageError(f"expected handles of this engine's tasks, found {handle!r}")
            if not handle.belongs_to(self):
                raise UsageError(
                    f"task `{handle.id}` belongs to another engine\n"
                    "  hint: await it there and pass on the result"
                )
            by_position[handle.position] = handle
        return [by_position[position] for position in sorted(by_position)]

    def _handle(self, task: Task, context: Context) -> Handle:
        position = self._n_submitted
        self._n_submitted += 1
        handle = self._handles[position] = Handle(self, position, task, context)
        return handle

    def _attempt_ended(self, attempt: Attempt, outcome: Outcome) -> None:
        assert self._turns is not None, f"{attempt} ended in an engine that was never open"
        if self._witness.told and (costs := self._witness.told.pop(attempt, None)):
            self._turns.post(CostTold(attempt, costs))
        self._turns.post(AttemptFinished(attempt, outcome))

    def _settle(self, facts: Sequence[Fact]) -> None:
        """Record what has happened, and give the handles their outcomes, before anything is started."""
        recording = self._recording
        if recording is not None and not recording.keep(facts):
            self._stop_unrecorded(str(recording.lost))
        self._before.publish(facts)
        ended = self._handles.pop
        for fact in facts:
            if type(fact) is TaskEnded:
                handle = ended(fact.task)
                handle.settle(fact.outcome)
                if type(handle.task.work) is Command and self._performer is not None:
                    self._performer.keep_result(handle)

    def _stop_unrecorded(self, problem: str) -> None:
        """Start nothing any more, not even what was ordered in this turn, and let the run end."""
        turns, performer, _ = self._opened()
        if performer.halted is None:
            performer.halted = NotRecorded(problem.partition("\n")[0])
            turns.post(RecordLost(performer.halted.problem))

    def _turn_done(self, facts: Sequence[Fact]) -> None:
        self._bus.publish(facts)
        finished = self._finished
        if self._scheduler.ended is not None and finished is not None and not finished.done():
            finished.set_result(None)

    def _crashed(self, error: BaseException) -> None:
        """A turn broke down: nobody may wait for ever, nothing may run on."""
        _, performer, finished = self._opened()
        self._sealed = True
        for handle in tuple(self._handles.values()):
            handle.abandon(error)
        if not finished.done():
            finished.set_exception(error)
        for node in tuple(self._scheduler.live.values()):
            if node.attempt is not None:
                performer.perform(StopAttempt(node.attempt, force=True))
