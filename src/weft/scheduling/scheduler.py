"""The scheduler: a table from events to their handlers, and the only mutator of a run's state.

Sans-IO: `step` takes an event and the time, and answers what to do and what happened. Whatever an
action promises is reserved in the step that orders it. Which ready task is next is decided in
`admission`; what is legal stands in `states`; why a task waits is told by `waiting`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from weft.model.attempt import Attempt
from weft.model.limits import Limit
from weft.model.outcome import Cancelled, Failed, Outcome, Skipped, Succeeded
from weft.model.reason import (
    CancelAsked,
    CancelReason,
    DependencyCancelled,
    DependencyFailed,
    Interrupted,
    SkipReason,
    WaitReason,
)
from weft.planning.prepare import PreparedTask
from weft.scheduling import waiting
from weft.scheduling.actions import Action, StartAttempt, StopAttempt
from weft.scheduling.admission import Admission
from weft.scheduling.events import (
    AttemptFinished,
    CancelRequested,
    Event,
    InterruptRequested,
    PlanClosed,
    TasksSubmitted,
    TimePassed,
)
from weft.scheduling.facts import (
    AttemptEnded,
    AttemptStarted,
    Fact,
    RunEnded,
    RunInterrupted,
    StopAsked,
    TaskAdded,
    TaskEnded,
)
from weft.scheduling.node import Node
from weft.scheduling.states import (
    READY,
    RUNNING,
    STATE_AFTER,
    STOPPING,
    SUCCEEDED,
    WAITING,
    RunState,
    TaskState,
)


class Step(msgspec.Struct, frozen=True):
    """What events led to. Do the actions once the facts are recorded; come back at ``wake_at``."""

    actions: list[Action]
    facts: list[Fact]
    wake_at: float | None = None


class Scheduler:
    """The state of one run.

    Args:
        max_concurrent: how many tasks may run at once.
        limits: the other pools, by name.
    """

    def __init__(self, max_concurrent: int, limits: Mapping[str, Limit] | None = None) -> None:
        self.live: dict[int, Node] = {}  # tasks that have not ended
        # Skipped or taken back while tasks before them live: those behind them still wait for these.
        self.passed_over: dict[int, Node] = {}
        self.states = bytearray()  # of every task, by position; one byte is all that is kept of most
        self.admission = Admission(max_concurrent, limits or {})
        self.closed = False
        self.ended: RunState | None = None
        self._interrupted: Interrupted | None = None
        self._blame: dict[int, SkipReason] = {}  # what to tell those who need a task that did not succeed
        self._actions: list[Action] = []
        self._facts: list[Fact] = []
        self._handlers: dict[type[Event], Callable[[Any, float], None]] = {
            TasksSubmitted: self._on_tasks_submitted,
            PlanClosed: self._on_plan_closed,
            AttemptFinished: self._on_attempt_finished,
            CancelRequested: self._on_cancel_requested,
            InterruptRequested: self._on_interrupt_requested,
            TimePassed: self._on_time_passed,
        }

    def step(self, event: Event, now: float) -> Step:
        """Take in one event that happened by ``now``, in seconds of a clock that never goes back."""
        return self.steps((event,), now)

    def steps(self, events: Sequence[Event], now: float) -> Step:
        """Take in events that came together; what can start is decided once, after the last of them."""
        assert self.ended is None or not events, f"{events} after the end of the run"
        self._actions, self._facts = [], []
        for event in events:
            self._handlers[type(event)](event, now)
        self._start_what_can(now)
        if self.closed and not self.live and self.ended is None:
            self._end_run(now)
        return Step(self._actions, self._facts)

    def state(self, task: int) -> TaskState:
        """Return where the task at this position stands."""
        node = self.live.get(task)
        return node.state if node is not None else TaskState(self.states[task])

    def waiting(self, task: int) -> tuple[WaitReason, ...]:
        """Return why the task at this position has not started; empty when it has."""
        node = self.live.get(task)
        return waiting.reasons(node, self.live, self.passed_over, self.admission) if node is not None else ()

    # Events

    def _on_tasks_submitted(self, event: TasksSubmitted, now: float) -> None:
        assert not self.closed, "tasks submitted to a closed plan"
        nodes = [self._add(prepared, now) for prepared in event.tasks]
        for node in nodes:
            if node.prepared.edges:
                self._connect(node)
        for node in nodes:
            if node.state >= SUCCEEDED:
                continue  # skipped by the end of another
            blame = self._interrupted or self._blame_before(node)
            if blame is not None:
                self._end(node, Skipped(blame), now)
            elif not node.n_unmet and node.state is WAITING:  # else readied by the end of another
                self._make_ready(node)

    def _on_plan_closed(self, event: PlanClosed, now: float) -> None:
        self.closed = True

    def _on_attempt_finished(self, event: AttemptFinished, now: float) -> None:
        node = self.live[event.attempt.task]
        assert node.attempt == event.attempt, f"{event.attempt} is not the one that runs: {node.attempt}"
        outcome = event.outcome
        if node.stop_reason is not None and type(outcome) is Cancelled:
            outcome = Cancelled(node.stop_reason)
        node.attempt = None
        self.admission.give_back(node)
        self._facts.append(AttemptEnded(now, event.attempt, outcome))
        self._end(node, outcome, now)

    def _on_cancel_requested(self, event: CancelRequested, now: float) -> None:
        for task in event.tasks:
            node = self.live.get(task)
            if node is None:
                continue
            if node.attempt is not None:
                self._stop(node, CancelAsked(), now, force=False)
            else:
                self._end(node, Cancelled(CancelAsked()), now)

    def _on_interrupt_requested(self, event: InterruptRequested, now: float) -> None:
        self._interrupted = because = Interrupted(event.signal)
        self._facts.append(RunInterrupted(now, event.signal, event.force))
        for node in tuple(self.live.values()):
            if node.attempt is not None:
                self._stop(node, because, now, force=event.force)
            elif node.state in (WAITING, READY):
                self._end(node, Skipped(because), now)

    def _on_time_passed(self, event: TimePassed, now: float) -> None:
        """Nothing to do: what has become due is seen by the admission that follows every event."""

    # Changes

    def _add(self, prepared: PreparedTask, now: float) -> Node:
        position, task = prepared.position, prepared.task
        assert position == len(self.states), f"position {position} is not next, {len(self.states)} is"
        node = self.live[position] = Node(prepared)
        self.states.append(WAITING)
        self._facts.append(TaskAdded(now, position, task.id, task.family, task.duration_s))
        return node

    def _connect(self, node: Node) -> None:
        live = self.live
        for edge in node.prepared.edges:
            before = live.get(edge.before) or self.passed_over.get(edge.before)
            if before is not None:
                node.n_unmet += 1
                if before.followers is None:
                    before.followers = [node]
                else:
                    before.followers.append(node)

    def _blame_before(self, node: Node) -> SkipReason | None:
        """Return why a task that came late can't run: something it requires has ended badly."""
        if not self._blame:
            return None
        required = (edge.before for edge in node.prepared.edges if edge.required)
        return next((self._blame[before] for before in required if before in self._blame), None)

    def _make_ready(self, node: Node) -> None:
        node.become(READY)
        self.admission.enqueue(node)

    def _start_what_can(self, now: float) -> None:
        facts, actions = self._facts, self._actions
        for node in self.admission.start_all():
            node.become(RUNNING)
            node.attempt = attempt = Attempt(node.prepared.position)
            facts.append(AttemptStarted(now, attempt))
            actions.append(StartAttempt(attempt))

    def _stop(self, node: Node, because: CancelReason, now: float, *, force: bool) -> None:
        assert node.attempt is not None
        if node.state is STOPPING and not force:
            return
        if node.state is RUNNING:
            node.become(STOPPING)
            node.stop_reason = because
        self._facts.append(StopAsked(now, node.attempt, force))
        self._actions.append(StopAttempt(node.attempt, force))

    def _end(self, first: Node, end: Outcome, now: float) -> None:
        """Give ``first`` its outcome, and its followers what follows from that, down to the last."""
        self._settle(first, end, now)
        ended = [first]
        if first.state is not SUCCEEDED:
            for node in ended:  # grows while it is walked
                ended += self._skip_what_requires(node, now)
        for node in ended:  # grows while it is walked
            if node.n_unmet:
                self.passed_over[node.prepared.position] = node
                continue
            followers, node.followers = node.followers, None
            for follower in followers or ():
                follower.n_unmet -= 1
                if follower.n_unmet:
                    continue
                if follower.state is WAITING:
                    self._make_ready(follower)
                elif self.passed_over.pop(follower.prepared.position, None) is not None:
                    ended.append(follower)

    def _skip_what_requires(self, node: Node, now: float) -> list[Node]:
        """Skip the tasks that can't do without ``node``, and return them."""
        position = node.prepared.position
        blame = self._blame[position]
        skipped = []
        for follower in node.followers or ():
            # One that has ended was skipped through another of its dependencies, or taken back.
            if follower.state < SUCCEEDED and _is_required(position, follower):
                self._settle(follower, Skipped(blame), now)
                skipped.append(follower)
        return skipped

    def _settle(self, node: Node, outcome: Outcome, now: float) -> None:
        """Give ``node`` its outcome."""
        was_ready = node.state is READY
        node.become(STATE_AFTER[type(outcome)])
        if was_ready:
            self.admission.withdraw(node)
        position = node.prepared.position
        del self.live[position]
        self.states[position] = node.state
        self._facts.append(TaskEnded(now, position, outcome))
        if node.state is not SUCCEEDED:
            self._blame[position] = _blame(node, outcome)

    def _end_run(self, now: float) -> None:
        if self._interrupted is not None:
            self.ended = RunState.INTERRUPTED
        else:
            self.ended = RunState.FAILED if self._blame else RunState.SUCCEEDED
        self._facts.append(RunEnded(now, self.ended))


def _is_required(before: int, node: Node) -> bool:
    """Tell whether ``node`` can't do without the success of the task at ``before``."""
    return any(edge.required for edge in node.prepared.edges if edge.before == before)


def _blame(node: Node, outcome: Outcome) -> SkipReason:
    """Return what those who need ``node`` are told: the first cause, not the last link of the chain."""
    match outcome:
        case Skipped(because):
            return because
        case Failed():
            return DependencyFailed(node.prepared.task.id)
        case Cancelled(Interrupted() as because):
            return because
        case Cancelled():
            return DependencyCancelled(node.prepared.task.id)
        case Succeeded():
            raise AssertionError(f"nobody is to blame for {outcome}")
