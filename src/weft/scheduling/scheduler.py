"""The scheduler: a table from events to their handlers, and the only one who sets a run's state in motion.

Sans-IO: `step` takes an event and the time, and answers what to do and what happened. Whatever an
action promises is reserved in the step that orders it. Which ready task is next is decided in
`admission`, how the end of a task reaches those behind it in `tasks`, whether a failure is followed by
another attempt in `retry`, what it means for groups and the run in `failure`, whether attempts fail too
often in `health`; what is legal stands in `states`; why a task waits is told by `waiting`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from weft.model.attempt import Attempt
from weft.model.group import Group
from weft.model.limits import Limit, sizes
from weft.model.lock import Lock
from weft.model.outcome import Cancelled, Failed, Outcome, Skipped, Succeeded
from weft.model.policy import Policy
from weft.model.reason import (
    CancelAsked,
    CouldNotStart,
    Interrupted,
    NotRecorded,
    Preempted,
    RunTimedOut,
    TimedOut,
    WaitReason,
)
from weft.scheduling import retry, timing, waiting
from weft.scheduling.actions import Action, ReturnShares
from weft.scheduling.course import Course
from weft.scheduling.deadlines import Due
from weft.scheduling.events import (
    AttemptFinished,
    BroughtBack,
    CancelRequested,
    CostTold,
    Event,
    InterruptRequested,
    JobsShared,
    PlanClosed,
    RecordLost,
    ResultDropped,
    ResultFound,
    ResultMissed,
    SharesAnswered,
    SharesMoved,
    TasksSubmitted,
    TimePassed,
    TokensCame,
    WritesSeen,
)
from weft.scheduling.facts import (
    AttemptEnded,
    Fact,
    GaveUp,
    HealthChanged,
    MergeEnded,
    RetryScheduled,
    RunEnded,
    RunInterrupted,
    RunStarted,
)
from weft.scheduling.node import Node
from weft.scheduling.states import (
    BACKOFF,
    MERGING,
    SUCCEEDED,
    WAITING,
    RunState,
    TaskState,
)
from weft.scheduling.told import Told, fact_of
from weft.scheduling.voting import Election

_DEFAULT = Policy()


class Step(msgspec.Struct, frozen=True):
    """What events led to. Do the actions once the facts are recorded; come back at ``wake_at``.

    ``tokens`` are the jobs that the run wants of other processes, in place of what it wanted before; less
    than 0: that it hands back to them; None: it shares none.
    """

    actions: list[Action]
    facts: list[Fact]
    wake_at: float | None = None
    tokens: int | None = None


class Scheduler:
    """The state of one run.

    Args:
        max_concurrent: how many tasks may run at once.
        limits: the other pools, by name.
        groups: of tasks, by name.
        policy: what is done when things go wrong.
        seed: the same seed gives the same delays between attempts.
        locks: those that are shared with other processes, by name.
        elections: votes among the tasks, by their positions, that end as soon as they are decided.
    """

    def __init__(
        self,
        max_concurrent: int,
        limits: Mapping[str, Limit] | None = None,
        groups: Mapping[str, Group] | None = None,
        policy: Policy = _DEFAULT,
        seed: str = "",
        locks: Mapping[str, Lock] | None = None,
        elections: Sequence[Election] = (),
    ) -> None:
        self.course = course = Course(
            max_concurrent, limits or {}, groups or {}, policy, locks or {}, elections
        )
        self.tasks, self.admission, self.failures = course.tasks, course.admission, course.failures
        self.monitors, self.deadlines = course.monitors, course.deadlines
        self.live = course.tasks.live
        self.closed = False
        self.ended: RunState | None = None
        self._policy = policy
        self._seed = seed
        self._max_concurrent, self._limits = max_concurrent, limits or {}
        self._is_told = False  # that the run has started
        self._handlers: dict[type[Event], Callable[[Any, float], None]] = {
            TasksSubmitted: self._on_tasks_submitted,
            PlanClosed: self._on_plan_closed,
            AttemptFinished: self._on_attempt_finished,
            **dict.fromkeys((ResultFound, ResultMissed, ResultDropped, WritesSeen), self._on_told),
            BroughtBack: self._on_brought_back,
            CostTold: self._on_cost_told,
            SharesAnswered: self._on_shares_answered,
            SharesMoved: lambda event, now: self.admission.shares_moved(event.shares),
            JobsShared: lambda event, now: self.admission.share_jobs(event.granted),
            TokensCame: lambda event, now: self.admission.tokens_came(event.units),
            CancelRequested: self._on_cancel_requested,
            InterruptRequested: self._on_interrupt_requested,
            RecordLost: self._on_record_lost,
            TimePassed: self._on_time_passed,
        }
        self._on_due: dict[Due, Callable[[int, float], None]] = {
            Due.RUN_TIMEOUT: self._on_run_timeout,
            Due.TASK_TIMEOUT: self._on_task_timeout,
            Due.ATTEMPT_TIMEOUT: self._on_attempt_timeout,
            Due.KILL: self._on_grace_over,
            Due.PROBE: self._on_cool_down_over,
            Due.RETRY: self._on_retry_due,
        }

    def step(self, event: Event, now: float) -> Step:
        """Take in one event that happened by ``now``, in seconds of a clock that never goes back."""
        return self.steps((event,), now)

    def steps(self, events: Sequence[Event], now: float) -> Step:
        """Take in events that came together; what can start is decided once, after the last of them."""
        assert self.ended is None or not events, f"{events} after the end of the run"
        course = self.course
        course.actions, course.facts = [], [] if self._is_told else [self._opening(now)]
        for event in events:
            self._handlers[type(event)](event, now)
            if course.decisions:
                course.carry_out(now)
        for due, number in self.deadlines.reached(now) if self.deadlines.moments else ():
            self._on_due[due](number, now)
            course.carry_out(now)
        if course.speculation.is_used:
            course.review_speculation(now, closed=self.closed)
        if self.tasks.merges.is_used:
            course.start_merges(now)
        course.start_what_can(now)
        if self.closed and not self.live and self.ended is None:
            self._end_run(now)
        return Step(course.actions, course.facts, self._wake_at(), self.admission.tokens())

    def _opening(self, now: float) -> Fact:
        self._is_told = True
        return RunStarted(now, self._max_concurrent, *sizes(self._limits))

    def _wake_at(self) -> float | None:
        moments = (self.deadlines.next() if self.deadlines.moments else None, *self.admission.moments())
        return min([moment for moment in moments if moment is not None], default=None)

    def state(self, task: int) -> TaskState:
        """Return where the task at this position stands."""
        node = self.live.get(task)
        return node.state if node is not None else TaskState(self.tasks.states[task])

    def waiting(self, task: int) -> tuple[WaitReason, ...]:
        """Return why the task at this position has not started; empty when it has."""
        node = self.live.get(task)
        if node is None:
            return ()
        return waiting.reasons(node, self.tasks, self.admission, self.deadlines)

    # Events

    def _on_tasks_submitted(self, event: TasksSubmitted, now: float) -> None:
        assert not self.closed, "tasks submitted to a closed plan"
        if self._policy.timeout_s is not None and not self.tasks.states:
            self.deadlines.set(Due.RUN_TIMEOUT, 0, now + self._policy.timeout_s)
        nodes = [self.course.add(prepared, now) for prepared in event.tasks]
        for node in nodes:
            if node.prepared.edges or node.prepared.merges_after:
                self.tasks.connect(node)
                if self.course.speculation.is_used:
                    self.course.speculation.connect(node)
        if event.taken_up is not None:
            self.course.take_up(nodes, event.taken_up, now)
        for node in nodes:
            if node.state >= SUCCEEDED:
                continue  # taken over from an earlier run, or skipped by the end of another
            blame = self.course.blame(node)
            if blame is not None:
                self.course.end(node, Skipped(blame), now)
            elif not node.n_unmet and node.state is WAITING:  # else readied by the end of another
                self.course.make_ready(node, now)

    def _on_plan_closed(self, event: PlanClosed, now: float) -> None:
        self.closed = True
        self.course.decisions += self.failures.close()

    def _on_attempt_finished(self, event: AttemptFinished, now: float) -> None:
        node = self.live[event.attempt.task]
        assert node.attempt == event.attempt, f"{event.attempt} is not the one that runs: {node.attempt}"
        outcome = event.outcome
        if node.stop_reason is not None:
            stopped = self.failures.stopped(node.prepared.task.group)
            outcome = timing.judged(node.stop_reason, outcome, stopped)
            node.stop_reason = None
        node.attempt = None
        if self.deadlines.moments:
            timing.end_attempt(node, self.deadlines)
        self.admission.give_back(node)
        if self.admission.is_metered:
            self.course.settle_costs(node, event.outcome, now)
        self.course.facts.append(AttemptEnded(now, event.attempt, outcome))
        if self.monitors.all:
            for number in self.monitors.ended(node.prepared.task, event.attempt, outcome, now):
                self.course.tell_health(number, now)
        if type(outcome) is Cancelled and isinstance(outcome.because, Preempted):
            assert node.tries is not None, f"{node.prepared} is no speculation"
            timing.cut(node.tries)
            self.course.make_ready(node, now)
        elif type(outcome) is Succeeded and node.prepared.task.is_merged:
            self.course.merge(node, outcome, now)
        elif type(outcome) is not Failed or not self._is_tried_again(node, outcome, now):
            self.course.end(node, outcome, now)

    def _on_told(self, event: Told, now: float) -> None:
        self.course.facts.append(fact_of(event, now))
        if type(event) is ResultFound and self.admission.is_metered:
            self.course.spare(event.attempt.task)

    def _on_brought_back(self, event: BroughtBack, now: float) -> None:
        node = self.live[event.task]
        done: Outcome = self.tasks.merges.ended(event.task)
        told = (event.failure, event.changed, event.overruled, event.left_out)
        self.course.facts.append(MergeEnded(now, event.task, *told))
        if event.failure is not None:
            done = Failed(event.failure)
        if type(done) is not Failed or not self._is_tried_again(node, done, now):
            self.course.end(node, done, now)

    def _on_cost_told(self, event: CostTold, now: float) -> None:
        node = self.live.get(event.attempt.task)
        came_in_time = node is not None and node.attempt == event.attempt
        if came_in_time and self.admission.is_metered:  # else nobody would settle it
            self.admission.rates.tell(event.attempt.task, event.costs)

    def _on_shares_answered(self, event: SharesAnswered, now: float) -> None:
        node, course = self.live.get(event.task), self.course
        if event.granted or event.problem is not None:
            self.admission.shares_answered(event.shares)
        begins = event.granted and node is not None and course.lets_begin(node, now)
        if event.granted and not begins:  # it has ended meanwhile, its place is wanted, or a gate has closed
            course.actions.append(ReturnShares(event.task))
        if node is None:
            return
        if begins:
            course.run(node, now)
        elif event.problem is not None:
            course.end(node, Failed(CouldNotStart(event.problem)), now)
        else:
            course.take_back(node, event.because, now)
            course.make_ready(node, now)

    def _on_cancel_requested(self, event: CancelRequested, now: float) -> None:
        for task in event.tasks:
            node = self.live.get(task)
            if node is None:
                continue
            timing.give_up(node)
            self.course.take(node, CancelAsked(), now)

    def _on_interrupt_requested(self, event: InterruptRequested, now: float) -> None:
        because = Interrupted(event.signal)
        self.course.facts.append(RunInterrupted(now, event.signal, event.force))
        for node in self.live.values() if event.force else ():
            if node.attempt is not None:
                self.course.stop(node, because, now, force=True)
        self.course.decisions += self.failures.give_up(None, because)

    def _on_record_lost(self, event: RecordLost, now: float) -> None:
        if not isinstance(self.failures.stopped(None), Interrupted):
            self.course.decisions += self.failures.give_up(None, NotRecorded(event.problem))

    def _on_time_passed(self, event: TimePassed, now: float) -> None:
        """Nothing to do: what has become due is looked for after every event."""

    # Deadlines

    def _on_run_timeout(self, _: int, now: float) -> None:
        assert self._policy.timeout_s is not None
        over = self.closed and not self.live  # the last task has ended at this very moment
        if not over and not isinstance(self.failures.stopped(None), Interrupted):
            self.course.decisions += self.failures.give_up(None, RunTimedOut(self._policy.timeout_s))

    def _on_task_timeout(self, position: int, now: float) -> None:
        node = self.live[position]
        because = timing.late(node, Due.TASK_TIMEOUT)
        if node.attempt is None and node.state is not MERGING:
            self.course.end(node, Failed(because), now)
            return
        timing.give_up(node)
        if node.attempt is None:
            return  # it has done its work in time, and must not begin it anew
        if isinstance(node.stop_reason, TimedOut):
            node.stop_reason = because
        self.course.stop(node, because, now, force=False)

    def _on_attempt_timeout(self, position: int, now: float) -> None:
        node = self.live[position]
        self.course.stop(node, timing.late(node, Due.ATTEMPT_TIMEOUT), now, force=False)

    def _on_grace_over(self, position: int, now: float) -> None:
        node = self.live[position]
        assert node.stop_reason is not None, f"{node.prepared} was not asked to end"
        self.course.stop(node, node.stop_reason, now, force=True)

    def _on_cool_down_over(self, number: int, now: float) -> None:
        self.monitors.all[number].cool_down_over()
        self.course.tell_health(number, now)

    def _on_retry_due(self, position: int, now: float) -> None:
        self.course.make_ready(self.live[position], now)

    # What follows from an attempt

    def _is_tried_again(self, node: Node, outcome: Failed, now: float) -> bool:
        """Let another attempt follow, if the task's `retry` wants one and the run still does."""
        task, tries = node.prepared.task, node.tries
        if task.retry is None or self.failures.stopped(task.group) is not None:
            return False
        assert tries is not None, f"{node.prepared} failed and was never tried"
        if tries.given_up:
            return False
        last = Attempt(node.prepared.position, tries.n)
        match retry.decide(task.retry, outcome, task.id, tries, now, self._seed, self.course.spending):
            case retry.GiveUp(why):
                self.course.facts.append(GaveUp(now, last, why))
                return False
            case retry.TryAgain(due):
                node.become(BACKOFF)
                self.deadlines.set(Due.RETRY, last.task, due)
                self.course.spending.n_retries += 1
                self.course.facts.append(RetryScheduled(now, Attempt(last.task, last.number + 1), due))
                return True

    def _end_run(self, now: float) -> None:
        self.ended = self.failures.state()
        self.deadlines.clear()
        health = tuple([HealthChanged(now, *monitor.told) for monitor in self.monitors.all])
        self.course.facts.append(RunEnded(now, self.ended, health))
