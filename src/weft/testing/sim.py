"""A run in virtual time: the real scheduler, driven by hand or by the durations of its tasks.

Nothing is executed. After every step the scheduler's invariants are checked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import heappop, heappush
from typing import Any

import msgspec

from weft.model.attempt import Attempt
from weft.model.outcome import Outcome, Skipped, Succeeded
from weft.model.plan import Plan
from weft.model.reason import FailureReason, SkipReason, WaitReason
from weft.model.task import Task
from weft.planning.prepare import PreparedTask, prepare
from weft.planning.priority import UNKNOWN_S
from weft.scheduling.actions import Action, AskShares, BringBack, StartAttempt, StopAttempt
from weft.scheduling.events import (
    AttemptFinished,
    BroughtBack,
    CancelRequested,
    CostTold,
    Event,
    InterruptRequested,
    PlanClosed,
    SharesAnswered,
    SharesMoved,
    TakenUp,
    TasksSubmitted,
    TimePassed,
)
from weft.scheduling.facts import AttemptStarted, Fact, TaskEnded
from weft.scheduling.invariants import check, check_step
from weft.scheduling.scheduler import Scheduler, Step
from weft.scheduling.states import RunState, TaskState
from weft.scheduling.voting import Election
from weft.testing.builders import cancelled
from weft.testing.clock import ManualClock
from weft.views.aggregate.of_plan import elections_of

UNBOUNDED = 1_000_000  # slots, where a test is not about them

# How each attempt at a task ends; or the first ones, after which it ends well; or what to ask for
# the attempt of a number, from 1.
Outcomes = Outcome | Sequence[Outcome] | Callable[[int], Outcome]


class Sim:
    """One run of ``plan``, whose tasks are submitted at once; it takes more until it is closed.

    Args:
        plan: what to run.
        max_concurrent: how many tasks may run at once, in place of what the plan says. Where
            neither says so, all may.
        seed: of the delays between attempts.
        taken_up: what an earlier run has done of it.
        elections: votes that end as soon as they are decided, besides those of the plan's aggregates.

    Attributes:
        clock: the time of the run; moved by the test, or by `play`.
        facts: all that has happened so far.
        actions: all that was ordered so far.
        wake_at: when the scheduler wants to be told that time has passed.

    Raises:
        PlanError: the plan can't run.

    >>> from weft.testing import failed, plan, task
    >>> run = Sim(plan(task("a"), task("b", needs=["a"]), task("c")))
    >>> run.running
    ['a', 'c']
    >>> run.finish("a", failed())
    >>> run.skipped
    {'b': DependencyFailed(task='a')}
    """

    def __init__(
        self,
        plan: Plan,
        *,
        max_concurrent: int | None = None,
        seed: str = "",
        taken_up: TakenUp | None = None,
        elections: Sequence[Election] = (),
    ) -> None:
        prepared: tuple[PreparedTask, ...] = ()  # what a group lacks may come later
        if plan.tasks:
            whole = prepare(plan)
            plan, prepared = whole.plan, whole.tasks
        self.clock = ManualClock()
        self.facts: list[Fact] = []
        self.actions: list[Action] = []
        self.wake_at: float | None = None
        self.plan = msgspec.structs.replace(plan, tasks=())
        self.scheduler = Scheduler(
            max_concurrent or plan.max_concurrent or UNBOUNDED,
            plan.limits,
            plan.groups,
            plan.policy,
            seed,
            plan.locks,
            (*elections_of(plan), *elections),
        )
        self._positions: dict[str, int] = {}
        self._unanswered: dict[int, AskShares | BringBack] = {}
        self.submit_prepared(prepared, taken_up)

    # What happens

    def step(self, event: Event) -> Step:
        """Tell the scheduler of ``event`` at the present time, and check that all still holds.

        Raises:
            AssertionError: an invariant is broken.
        """
        step = self.scheduler.step(event, self.clock.now)
        self.facts += step.facts
        self.actions += step.actions
        self.wake_at = step.wake_at
        if isinstance(event, SharesAnswered | BroughtBack):
            del self._unanswered[event.task]
        for action in step.actions:
            if isinstance(action, AskShares | BringBack):
                self._unanswered[action.task] = action
        check(self.scheduler)
        check_step(self.scheduler, step)
        return step

    def submit(self, *tasks: Task) -> None:
        """Add ``tasks`` at the end of program order.

        Raises:
            PlanError: they don't go together with each other and the plan so far.
        """
        plan = msgspec.structs.replace(self.plan, tasks=(*self.plan.tasks, *tasks))
        self.submit_prepared(prepare(plan).tasks[len(self.plan.tasks) :])

    def submit_prepared(self, tasks: tuple[PreparedTask, ...], taken_up: TakenUp | None = None) -> None:
        """Add tasks whose edges are known already."""
        added = tuple(prepared.task for prepared in tasks)
        self.plan = msgspec.structs.replace(self.plan, tasks=(*self.plan.tasks, *added))
        self._positions.update((prepared.task.id, prepared.position) for prepared in tasks)
        if tasks:
            self.step(TasksSubmitted(tasks, taken_up))

    def close(self) -> None:
        """Say that no more tasks will come."""
        self.step(PlanClosed())

    def finish(self, task: str, outcome: Outcome | None = None) -> None:
        """End the running attempt of ``task``; it succeeded, if nothing else is said."""
        node = self.scheduler.live.get(self._positions[task])
        assert node is not None, f"`{task}` has ended already"
        assert node.attempt is not None, f"`{task}` is not running: {self.waiting(task)}"
        self.step(AttemptFinished(node.attempt, Succeeded() if outcome is None else outcome))

    def bring(self, task: str, failure: FailureReason | None = None) -> Step:
        """End the merge of ``task`` that is under way; it went well, if there is no ``failure``."""
        return self.step(BroughtBack(self._positions[task], failure))

    def tell(self, task: str, **costs: int) -> None:
        """Let the running attempt of ``task`` tell what it costs, by name."""
        node = self.scheduler.live[self._positions[task]]
        assert node.attempt is not None, f"`{task}` is not running: {self.waiting(task)}"
        self.step(CostTold(node.attempt, costs))

    def grant(self, task: str) -> Step:
        """Let other processes give ``task`` all that it asks them for."""
        return self._answer(task, granted=True)

    def refuse(self, task: str, *because: WaitReason, problem: str | None = None) -> Step:
        """Let other processes have too much of what ``task`` asks for, or be out of reach."""
        return self._answer(task, granted=False, because=because, problem=problem)

    def share_again(self, *shares: str) -> Step:
        """Let something of ``shares``, which was refused, be free again."""
        return self.step(SharesMoved(shares))

    def _answer(self, task: str, **answer: Any) -> Step:
        position = self._positions[task]
        shares = self.scheduler.admission.shares.of(self.plan.tasks[position])
        return self.step(SharesAnswered(position, shares, **answer))

    def cancel(self, *tasks: str) -> None:
        """Ask for ``tasks`` to be taken back."""
        self.step(CancelRequested(tuple(self._positions[task] for task in tasks)))

    def interrupt(self, *, signal: int | None = None, force: bool = False) -> None:
        """Ask for the run to end early."""
        self.step(InterruptRequested(signal, force))

    def pass_to(self, moment: float) -> None:
        """Let time pass until ``moment``; what becomes due on the way happens when it is due."""
        while self.wake_at is not None and self.wake_at <= moment:
            self.wake()
        self.clock.advance_to(moment)

    def wake(self) -> Step:
        """Let time pass until the scheduler wants to be woken, and wake it."""
        assert self.wake_at is not None, "the scheduler waits for no moment"
        # Something may have happened late, after it was due.
        self.clock.advance_to(max(self.wake_at, self.clock.now))
        return self.step(TimePassed())

    def play(self, outcomes: Mapping[str, Outcomes] | None = None) -> float:
        """Close the plan, let all tasks take as long as they are expected to, and return the makespan.

        An attempt takes the task's ``duration_s``, or one second, from the moment of its start, and ends
        as ``outcomes`` says, or well. At once, and in this order: one that is asked to end does so, other
        processes give what they are asked for, a merge goes well. What runs already begins anew.

        >>> from weft.testing import plan, task
        >>> Sim(plan(task("a", duration_s=2.0), task("b")), max_concurrent=1).play()
        3.0
        """
        due: list[tuple[float, int, int]] = []
        running = [node.attempt for node in self.scheduler.live.values() if node.attempt is not None]
        for attempt in running:
            self._schedule(due, attempt)
        self._obey(due, tuple(self._unanswered.values()))
        if not self.scheduler.closed:
            self._obey(due, self.step(PlanClosed()).actions)
        while due or self.wake_at is not None:
            if not due or (self.wake_at is not None and self.wake_at < due[0][0]):
                self._obey(due, self.wake().actions)
                continue
            moment, *which = heappop(due)
            attempt = Attempt(*which)
            if self._is_running(attempt):  # else it was asked to end before
                self.clock.advance_to(moment)
                outcome = _outcome((outcomes or {}).get(self.plan.tasks[attempt.task].id), attempt.number)
                self._obey(due, self.step(AttemptFinished(attempt, outcome)).actions)
        return self.clock.now

    def _schedule(self, due: list[tuple[float, int, int]], attempt: Attempt) -> None:
        duration_s = self.plan.tasks[attempt.task].duration_s
        moment = self.clock.now + (UNKNOWN_S if duration_s is None else duration_s)
        heappush(due, (moment, attempt.task, attempt.number))

    def _obey(self, due: list[tuple[float, int, int]], actions: Iterable[Action]) -> None:
        """Begin what is to begin, and answer the rest in the order in which it was ordered."""
        ordered = deque(actions)
        while ordered:
            action = ordered.popleft()
            if isinstance(action, StartAttempt):
                self._schedule(due, action.attempt)
            elif self.ended is None and (answer := self._answer_to(action)) is not None:
                ordered += self.step(answer).actions

    def _answer_to(self, action: Action) -> Event | None:
        match action:
            case AskShares(task, shares):
                return SharesAnswered(task, shares, granted=True)
            case BringBack(task):
                return BroughtBack(task)
            case StopAttempt(attempt) if self._is_running(attempt):
                return AttemptFinished(attempt, cancelled())
            case _:
                return None

    def _is_running(self, attempt: Attempt) -> bool:
        node = self.scheduler.live.get(attempt.task)
        return node is not None and node.attempt == attempt

    # What there is to see

    def state(self, task: str) -> TaskState:
        """Return where ``task`` stands."""
        return self.scheduler.state(self._positions[task])

    def waiting(self, task: str) -> tuple[WaitReason, ...]:
        """Return why ``task`` has not started; empty when it has."""
        return self.scheduler.waiting(self._positions[task])

    @property
    def running(self) -> list[str]:
        """The tasks that hold their slots, in program order; also those that were asked to stop."""
        live = sorted(self.scheduler.live.items())
        return [node.prepared.task.id for _, node in live if node.attempt is not None]

    @property
    def asking(self) -> list[str]:
        """The tasks that ask other processes for what they share, in program order."""
        live = sorted(self.scheduler.live.items())
        return [node.prepared.task.id for _, node in live if node.state is TaskState.ASKING]

    @property
    def started(self) -> list[str]:
        """The tasks that have started, in the order of their starts."""
        return [self.plan.tasks[f.attempt.task].id for f in self.facts if isinstance(f, AttemptStarted)]

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """The outcomes of the tasks that have ended, in program order."""
        ended = {fact.task: fact.outcome for fact in self.facts if isinstance(fact, TaskEnded)}
        return {self.plan.tasks[position].id: outcome for position, outcome in sorted(ended.items())}

    @property
    def skipped(self) -> dict[str, SkipReason]:
        """Why tasks were skipped, in program order."""
        return {task: end.because for task, end in self.outcomes.items() if isinstance(end, Skipped)}

    @property
    def ended(self) -> RunState | None:
        """How the run ended, or None while it goes on."""
        return self.scheduler.ended


def _outcome(outcomes: Outcomes | None, number: int) -> Outcome:
    """Return how the attempt of this ``number`` ends."""
    if outcomes is None:
        return Succeeded()
    if callable(outcomes):
        return outcomes(number)
    if isinstance(outcomes, Sequence):
        return outcomes[number - 1] if number <= len(outcomes) else Succeeded()
    return outcomes
