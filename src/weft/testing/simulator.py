"""Runs random plans through random adversity in virtual time; the same seed tells the same story.

Work takes longer or shorter than expected, costs more or less, fails, is refused, asks for time, takes no
notice, is cancelled and interrupted; more of it comes while it goes on; other processes want what it wants;
the scheduler is woken too early and too late. It is the real one, and its invariants are checked after
every step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from heapq import heappop, heappush
from random import Random

import msgspec

from weft.model.attempt import Attempt
from weft.model.miss import CannotWrite, NothingKept
from weft.model.outcome import Outcome
from weft.model.plan import Plan
from weft.model.rate import Rate
from weft.model.reason import Exited, MergeConflict
from weft.planning.graph import Edge
from weft.planning.prepare import PreparedTask, prepare
from weft.planning.priority import UNKNOWN_S
from weft.scheduling.actions import AskShares, BringBack, ReturnShares, StartAttempt, StopAsking, StopAttempt
from weft.scheduling.events import (
    AttemptFinished,
    BroughtBack,
    CancelRequested,
    CostTold,
    Event,
    InterruptRequested,
    PlanClosed,
    ResultDropped,
    ResultFound,
    ResultMissed,
    TasksSubmitted,
    TimePassed,
    WritesSeen,
)
from weft.scheduling.facts import Fact
from weft.scheduling.scheduler import Scheduler, Step
from weft.scheduling.states import RunState
from weft.testing.builders import cancelled, failed, succeeded
from weft.testing.random_limits import REFUSED, largest_costs
from weft.testing.random_others import RandomOthers
from weft.testing.random_plan import cuts, random_plan
from weft.testing.random_votes import random_elections
from weft.testing.sim import Sim

_MANY = 100
HORIZON_S = 5.0  # what comes from outside comes before this moment


class Simulation(msgspec.Struct, frozen=True):
    """What became of one simulated run.

    ``tasks`` are those of ``plan``, with the edges they had; ``costs`` is what attempts have told.
    """

    plan: Plan
    tasks: tuple[PreparedTask, ...]
    facts: tuple[Fact, ...]
    costs: Mapping[Attempt, Mapping[str, int]]
    state: RunState
    makespan_s: float


def simulate(
    seed: int,
    *,
    max_tasks: int = 10,
    watch: Callable[[Scheduler, Step], object] = lambda scheduler, step: None,
) -> Simulation:
    """Run one random plan of up to ``max_tasks`` tasks to its end.

    Args:
        seed: of the plan, and of all that happens.
        max_tasks: how many tasks it has at most.
        watch: called after every step.

    Raises:
        AssertionError: an invariant of the scheduler is broken; ``seed`` brings it about again.

    >>> simulate(1) == simulate(1)
    True
    """
    return _Simulator(Random(seed), max_tasks, watch).run()


class _Simulator:
    """The world of one run: all that will happen, by the moment when it will."""

    def __init__(self, chance: Random, max_tasks: int, watch: Callable[[Scheduler, Step], object]) -> None:
        self._chance = chance
        self._watch = watch
        self._plan = random_plan(chance, max_tasks=max_tasks)
        prepared = prepare(self._plan)
        self._plan = prepared.plan
        self._tasks = tuple(self._relaxed(task) for task in prepared.tasks)
        delays = str(chance.random())
        elections = random_elections(Random(f"votes {delays}"), self._tasks)
        self._sim = Sim(msgspec.structs.replace(self._plan, tasks=()), seed=delays, elections=elections)
        self._error_rate = chance.choice((0.1, 0.2, 0.5))
        self._lag_s = chance.choice((0.0, 0.0, 0.3))  # by which it is woken too late
        self._to_come: list[tuple[float, int, Callable[[], object]]] = []
        self._n_scheduled = 0
        self._n_woken = 0  # without that time has passed
        self._costs: dict[Attempt, dict[str, int]] = {}
        self._others = RandomOthers(chance, self._plan, self._sim.clock, self._at, self._step)
        self._schedule_submissions()
        self._schedule_requests()

    def run(self) -> Simulation:
        sim = self._sim
        while sim.ended is None:
            if not self._wakes_first():
                moment, _, happen = heappop(self._to_come)
                sim.clock.advance_to(moment)
                happen()
        assert self._others.all_is_given_back(), "other processes miss something"
        return Simulation(self._plan, self._tasks, tuple(sim.facts), self._costs, sim.ended, sim.clock.now)

    def _wakes_first(self) -> bool:
        """Wake the scheduler, unless something else happens before that; tell which."""
        sim = self._sim
        assert self._to_come or sim.wake_at is not None, f"tasks that never end: {sorted(sim.scheduler.live)}"
        if sim.wake_at is None or (self._to_come and self._to_come[0][0] <= sim.wake_at + self._lag_s):
            return False
        moment = max(sim.clock.now, sim.wake_at + self._lag_s)
        self._n_woken = self._n_woken + 1 if moment == sim.clock.now else 0
        assert self._n_woken < _MANY, f"it wants to be woken again and again at {moment}"
        sim.clock.advance_to(moment)
        self._step(TimePassed())
        return True

    def _relaxed(self, prepared: PreparedTask) -> PreparedTask:
        """Let some edges only order, as those do which come from hazards."""
        if prepared.task.brings_back:
            return prepared
        edges = tuple(self._relaxed_edge(edge) for edge in prepared.edges)
        return msgspec.structs.replace(prepared, edges=edges)

    def _relaxed_edge(self, edge: Edge) -> Edge:
        return msgspec.structs.replace(edge, required=edge.required and self._chance.random() < 0.8)

    def _at(self, moment: float, happen: Callable[[], object]) -> None:
        self._n_scheduled += 1
        heappush(self._to_come, (moment, self._n_scheduled, happen))

    def _some_moment(self) -> float:
        return self._chance.choice((0.0, 0.5, 1.0, self._chance.uniform(0, HORIZON_S)))

    def _schedule_submissions(self) -> None:
        """Submit the first tasks at once and the others while it runs, in as many parts as can be."""
        possible = cuts([[edge.before for edge in (*task.edges, *task.merges_after)] for task in self._tasks])
        n_cuts = self._chance.randint(0, min(3, len(possible)))
        starts = [0, *sorted(self._chance.sample(possible, n_cuts))]
        moments = [0.0, *sorted(self._some_moment() for _ in range(n_cuts))]
        for start, end, moment in zip(starts, [*starts[1:], len(self._tasks)], moments, strict=True):
            self._at(moment, partial(self._step, TasksSubmitted(self._tasks[start:end])))
        close_at = moments[-1] + self._chance.choice((0.0, 0.0, 3.0))
        self._at(close_at, partial(self._step, PlanClosed()))

    def _schedule_requests(self) -> None:
        chance = self._chance
        for _ in range(chance.choice((0, 0, 1, 2))):
            tasks = chance.sample(range(len(self._tasks)), chance.randint(1, min(3, len(self._tasks))))
            self._at(self._some_moment(), partial(self._step, CancelRequested(tuple(tasks))))
        if chance.random() < 0.2:
            moment = self._some_moment()
            self._at(moment, partial(self._step, InterruptRequested(2)))
            if chance.random() < 0.5:
                again = moment + chance.choice((0.0, 0.5))
                self._at(again, partial(self._step, InterruptRequested(2, force=True)))
        if chance.random() < 0.2:
            self._at(self._some_moment(), self._wake_too_early)

    def _wake_too_early(self) -> None:
        """See that nothing happens before the moment at which the scheduler wants to be woken."""
        due, now = self._sim.wake_at, self._sim.clock.now
        step = self._step(TimePassed())
        early = due is None or now < due
        assert not (early and (step.facts or step.actions)), f"at {now}, before {due}: {step}"

    def _step(self, event: Event) -> Step:
        step = self._sim.step(event)
        self._watch(self._sim.scheduler, step)
        for action in step.actions:
            if isinstance(action, StartAttempt):
                self._work(action.attempt)
            elif isinstance(action, StopAttempt):
                self._stop(action.attempt, force=action.force)
            elif isinstance(action, BringBack):
                self._bring_back(action.task)
            elif isinstance(action, AskShares | StopAsking | ReturnShares):
                self._others.perform(action)
        return step

    def _work(self, attempt: Attempt) -> None:
        expected_s = self._plan.tasks[attempt.task].duration_s
        factor = self._chance.choice((1.0, 1.0, self._chance.uniform(0.2, 3.0)))
        outcome = self._failure() if self._chance.random() < self._error_rate else succeeded()
        takes_s = factor * (UNKNOWN_S if expected_s is None else expected_s)
        for name, limit in self._plan.limits.items():
            if isinstance(limit, Rate) and name in self._plan.tasks[attempt.task].limits:
                for cost, most in largest_costs(limit.windows).items():
                    if self._chance.random() < 0.3:
                        told = {cost or name: self._chance.randint(0, most + 1)}
                        after_s = takes_s * self._chance.choice((0.5, 1.0, 1.0))
                        self._at(self._sim.clock.now + after_s, partial(self._tell, attempt, told))
        if self._chance.random() < 0.1:  # it is cached
            self._look_up(attempt)
        self._end(attempt, outcome, after_s=takes_s)

    def _look_up(self, attempt: Attempt) -> None:
        found = self._chance.random() < 0.5
        self._at(self._sim.clock.now, partial(self._found if found else self._missed, attempt))

    def _found(self, attempt: Attempt) -> None:
        if self._runs(attempt):
            task = self._tasks[attempt.task].task
            rates = {name: limit for name, limit in self._plan.limits.items() if isinstance(limit, Rate)}
            asked = {name: largest_costs(rates[name].windows) for name in task.limits if name in rates}
            self._costs[attempt] = {cost or name: 0 for name, costs in asked.items() for cost in costs}
            self._step(ResultFound(attempt))
            self._end_now(attempt, succeeded())

    def _missed(self, attempt: Attempt) -> None:
        if self._runs(attempt):
            self._step(ResultMissed(attempt, NothingKept()))
            self._step(ResultDropped(attempt.task, CannotWrite("the disk is full")))

    def _bring_back(self, task: int) -> None:
        failure = MergeConflict(("a",), "w") if self._chance.random() < self._error_rate else None
        moment = self._sim.clock.now + self._chance.choice((0.0, 0.0, 0.25))
        self._at(moment, partial(self._step, BroughtBack(task, failure)))

    def _tell(self, attempt: Attempt, costs: dict[str, int]) -> None:
        if self._runs(attempt):
            self._costs[attempt] = {**self._costs.get(attempt, {}), **costs}
        self._step(CostTold(attempt, costs))  # or it comes too late

    def _failure(self) -> Outcome:
        chance = self._chance
        return failed(
            Exited(chance.choice((1, 1, REFUSED))), retry_after_s=chance.choice((None, None, 0.5, 9.0))
        )

    def _stop(self, attempt: Attempt, *, force: bool) -> None:
        if force or self._chance.random() < 0.7:  # others take no notice
            outcome = self._chance.choice((cancelled(), cancelled(), failed()))
            self._end(attempt, outcome, after_s=self._chance.choice((0.0, 0.25)))

    def _end(self, attempt: Attempt, outcome: Outcome, *, after_s: float) -> None:
        self._at(self._sim.clock.now + after_s, partial(self._end_now, attempt, outcome))

    def _end_now(self, attempt: Attempt, outcome: Outcome) -> None:
        if self._runs(attempt):  # else it was stopped before it was done
            if self._tasks[attempt.task].task.is_private and self._chance.random() < 0.2:
                self._step(WritesSeen(attempt.task, ("x",)))
            self._step(AttemptFinished(attempt, outcome))

    def _runs(self, attempt: Attempt) -> bool:
        node = self._sim.scheduler.live.get(attempt.task)
        return node is not None and node.attempt == attempt
