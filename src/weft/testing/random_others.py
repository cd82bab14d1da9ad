"""The other processes of a random run: they say no at random, and yes only where it fits.

Stands for the runtime's desk and all that is behind it, in virtual time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

from weft.model.limits import Pool, units_of
from weft.model.lock import Hold, compatible
from weft.model.plan import Plan
from weft.model.rate import Rate, costs_of
from weft.model.reason import TakenElsewhere
from weft.model.task import Task
from weft.scheduling.actions import AskShares, ReturnShares, StopAsking
from weft.scheduling.events import Event, SharesAnswered, SharesMoved
from weft.scheduling.rates import Pacer, Reservation
from weft.scheduling.shared import Shares
from weft.testing.clock import ManualClock

Shared = tuple[str, ...]


class RandomOthers:
    """Answers the run's questions.

    Args:
        chance: decides.
        plan: whose tasks ask.
        clock: of the run.
        at: lets something happen at a moment.
        tell: tells the run.
    """

    def __init__(
        self,
        chance: Random,
        plan: Plan,
        clock: ManualClock,
        at: Callable[[float, Callable[[], object]], None],
        tell: Callable[[Event], object],
    ) -> None:
        self._chance, self._clock, self._at, self._tell = chance, clock, at, tell
        self._plan = plan
        self._shares = Shares(plan.limits, plan.locks)
        self._free = {name: pool.size for name, pool in plan.limits.items() if isinstance(pool, Pool)}
        self._pacers = {name: Pacer(rate) for name, rate in plan.limits.items() if isinstance(rate, Rate)}
        self._holds: dict[str, list[Hold]] = {}
        self._leases: dict[int, dict[str, Reservation]] = {}
        self._asked: set[Shared] = set()  # and not answered
        self._refused: dict[Shared, object] = {}  # and not told to ask again; each time another object

    def perform(self, action: AskShares | StopAsking | ReturnShares) -> None:
        """Do what the run wants."""
        match action:
            case AskShares(task, shares):
                assert shares not in self._asked, f"{shares} are asked for twice"
                assert shares not in self._refused, f"{shares} are asked for after a no"
                self._asked.add(shares)
                self._later(partial(self._answer, task, shares))
            case StopAsking(shares):
                if shares in self._refused:
                    self._let_ask(shares)
            case ReturnShares():
                self._take_back(action)

    def all_is_given_back(self) -> bool:
        """Tell whether nothing is left with the run."""
        return not self._leases

    def _later(self, happen: Callable[[], object], *, least_s: float = 0.0) -> None:
        self._at(self._clock.now + max(least_s, self._chance.choice((0.0, 0.0, 0.1, 0.5))), happen)

    def _answer(self, position: int, shares: Shared) -> None:
        self._asked.remove(shares)
        task, chance = self._plan.tasks[position], self._chance.random()
        if chance < 0.05:
            self._tell(SharesAnswered(position, shares, False, problem="nobody can be reached"))
        elif chance < 0.7 and self._fits(task):
            self._grant(position, task)
            self._tell(SharesAnswered(position, shares, True))
        else:
            self._tell(SharesAnswered(position, shares, False, (TakenElsewhere(shares[0]),)))
            self._let_ask(shares)

    def _let_ask(self, shares: Shared) -> None:
        """Let the run ask again after some time, in place of the moment that was chosen before."""
        refusal = self._refused[shares] = object()
        self._later(partial(self._move, shares, refusal), least_s=0.1)

    def _move(self, shares: Shared, refusal: object) -> None:
        if self._refused.get(shares) is refusal:
            del self._refused[shares]
            self._tell(SharesMoved(shares))

    def _fits(self, task: Task) -> bool:
        now, limits = self._clock.now, self._plan.limits
        for name in self._shares.limits_of(task):
            limit, cost = limits[name], task.limits[name]
            if isinstance(limit, Pool) and units_of(cost) > self._free[name]:
                return False
            if isinstance(limit, Rate) and self._pacers[name].due(costs_of(limit, cost), now) > now:
                return False
        held = [(task.locks[name], self._holds.get(name, ())) for name in self._shares.locks_of(task)]
        return all(compatible(wanted, hold) for wanted, holds in held for hold in holds)

    def _grant(self, position: int, task: Task) -> None:
        assert position not in self._leases, f"{task.id} has got its shares already"
        reservations = self._leases[position] = {}
        for name in self._shares.limits_of(task):
            limit, cost = self._plan.limits[name], task.limits[name]
            if isinstance(limit, Rate):
                costs = costs_of(limit, cost)
                reservations[name] = self._pacers[name].reserve(costs, self._clock.now)
            else:
                self._free[name] -= units_of(cost)
        for name in self._shares.locks_of(task):
            self._holds.setdefault(name, []).append(task.locks[name])

    def _take_back(self, action: ReturnShares) -> None:
        task, now = self._plan.tasks[action.task], self._clock.now
        for name, reserved in self._leases.pop(action.task).items():
            pacer, told = self._pacers[name], action.costs
            windows = zip(pacer.windows, reserved.costs, strict=True)
            actual = [0 if told is None else told.get(window.cost or name, cost) for window, cost in windows]
            pacer.settle(reserved, actual, now)
            if name in action.refused:
                pacer.refused(reserved, now, action.retry_after_s)
        for name in self._shares.limits_of(task):
            if name in self._free:
                self._free[name] += units_of(task.limits[name])
        for name in self._shares.locks_of(task):
            self._holds[name].remove(task.locks[name])
