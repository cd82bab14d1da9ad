"""What groups must come to, found the slow way: count at the end, and try everything that may still come.

Knows nothing of `scheduling.failure`. An Audit follows the facts of a run and holds each against that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cache
from itertools import permutations

import msgspec

from weft.model.group import Group, Rest
from weft.model.outcome import Cancelled, Failed, Outcome, Skipped, Succeeded
from weft.model.plan import Plan
from weft.model.policy import Policy
from weft.planning.prepare import PreparedTask
from weft.scheduling.events import AttemptFinished, Event, PlanClosed, TasksSubmitted
from weft.scheduling.facts import AttemptStarted, Fact, GroupDecided, StopAsked, TaskEnded
from weft.scheduling.scheduler import Scheduler
from weft.scheduling.states import RunState
from weft.testing import cancelled, failed, plan, succeeded, task
from weft.testing.sim import UNBOUNDED


class Tree(msgspec.Struct, frozen=True, eq=False):
    """A group, its own tasks by number, and the groups inside it. Sets of tasks are bits of an int."""

    group: Group
    tasks: tuple[int, ...] = ()
    inner: tuple[Tree, ...] = ()


def met_at_the_end(tree: Tree, good: int) -> bool:
    """Tell whether the group is met if exactly the tasks in ``good`` succeed."""
    least = tree.group.min_required
    inner = [group for group in tree.inner if least is not None or group.group.critical is not False]
    members = [bool(good >> number & 1) for number in tree.tasks]
    members += [met_at_the_end(group, good) for group in inner]
    return sum(members) >= required(least, len(members))


def required(least: int | float | None, n_members: int) -> int:
    if least is None:
        return n_members
    share = Fraction(least) if isinstance(least, int) else Fraction(str(least)) * n_members
    return next(number for number in range(100) if number >= share)


@cache
def certain(tree: Tree, good: int, still_open: int) -> bool | None:
    """Return the verdict if it is the same however those in ``still_open`` end; None if it is not."""
    found = {met_at_the_end(tree, good | some) for some in _subsets(still_open)}
    return found.pop() if len(found) == 1 else None


def _subsets(bits: int) -> Iterator[int]:
    some = bits
    while some:
        yield some
        some = (some - 1) & bits
    yield 0


class _Place:
    """One group of a plan, and the verdict that was told."""

    def __init__(self, name: str, tree: Tree, around: tuple[_Place, ...]) -> None:
        self.name, self.tree, self.around = name, tree, around
        self.met: bool | None = None

    @property
    def rest(self) -> Rest:
        """What its other tasks do by now."""
        if self.met is None:
            return Rest.CONTINUE
        group = self.tree.group
        if self.met:
            return group.when_met
        return group.when_lost or (Rest.CONTINUE if group.min_required is None else Rest.DRAIN)


class Forest(msgspec.Struct, frozen=True, eq=False):
    """A plan made of trees, each of them a group beside the others with a pool of its own."""

    plan: Plan
    prepared: tuple[PreparedTask, ...]
    trees: tuple[Tree, ...]
    n_tasks: int  # of each tree


def forest(trees: Sequence[Tree], n_tasks: int, width: int, on_failure: Rest = Rest.CONTINUE) -> Forest:
    """Return a plan of ``trees`` with ``n_tasks`` each, of which ``width`` may run at once."""
    groups: dict[str, Group] = {}
    homes = [dict(_named(str(number), tree, None, groups)) for number, tree in enumerate(trees)]
    tasks = [
        task(f"{number}.{local}", group=home[local], limits={f"pool{number}": 1})
        for number, home in enumerate(homes)
        for local in range(n_tasks)
    ]
    pools = {f"pool{number}": width for number in range(len(trees))}
    made = plan(*tasks, groups=groups, limits=pools, policy=Policy(on_failure=on_failure))
    # Without `prepare`: it refuses groups that can't be met, and they can't end well all the same.
    prepared = tuple(PreparedTask(position, each) for position, each in enumerate(tasks))
    return Forest(made, prepared, tuple(trees), n_tasks)


def _named(name: str, tree: Tree, outer: str | None, groups: dict[str, Group]) -> Iterator[tuple[int, str]]:
    groups[name] = msgspec.structs.replace(tree.group, group=outer)
    yield from ((number, name) for number in tree.tasks)
    for number, inner in enumerate(tree.inner):
        yield from _named(f"{name}/{number}", inner, name, groups)


def orders(n_tasks: int, width: int) -> Iterator[tuple[int, ...]]:
    """Yield all orders in which tasks can end that start in the order of the plan, ``width`` at once."""
    for order in permutations(range(n_tasks)):
        # When `number` ends as the next, it is among the first `width` that have not ended.
        if all(
            number < width + sum(other < number for other in order[:at]) for at, number in enumerate(order)
        ):
            yield order


class _Grown:
    """One tree of a forest, and what has become of its tasks so far."""

    def __init__(self, name: str, tree: Tree, n_tasks: int) -> None:
        self.good = 0
        self.still_open = (1 << n_tasks) - 1
        self.places = list(self._places(name, tree, ()))
        self.by_name = {place.name: place for place in self.places}
        self.around = {number: (place, *place.around) for place in self.places for number in place.tree.tasks}

    def _places(self, name: str, tree: Tree, around: tuple[_Place, ...]) -> Iterator[_Place]:
        place = _Place(name, tree, around)
        yield place
        for number, inner in enumerate(tree.inner):
            yield from self._places(f"{name}/{number}", inner, (place, *around))

    def verdict(self, place: _Place) -> bool | None:
        return certain(place.tree, self.good, self.still_open)


class Audit:
    """Holds the facts of a run of a forest against what must be, step by step."""

    def __init__(self, of: Forest) -> None:
        self._n_tasks = of.n_tasks
        self._trees = [_Grown(str(number), tree, of.n_tasks) for number, tree in enumerate(of.trees)]
        self._on_failure = of.plan.policy.on_failure
        self._run_rest = Rest.CONTINUE
        self._run_lost = False
        self._degraded = False

    def take(self, facts: Sequence[Fact]) -> None:
        """Check what one step has told."""
        touched: dict[int, None] = {}
        for fact in facts:
            if isinstance(fact, TaskEnded):
                self._take_end(fact.task, fact.outcome)
                touched[fact.task // self._n_tasks] = None
            elif isinstance(fact, GroupDecided):
                self._take_verdict(fact.group, fact.met)
            elif isinstance(fact, AttemptStarted):
                assert self._rest(fact.attempt.task) is Rest.CONTINUE, f"{fact} can't matter any more"
            elif isinstance(fact, StopAsked):
                assert self._rest(fact.attempt.task) is Rest.CANCEL, f"{fact} is early"
        for grown in [self._trees[number] for number in touched]:
            for place in grown.places:
                late = place.met is None and grown.verdict(place) is not None
                assert not late, f"group {place.name} is certain, and not told"

    def finish(self, state: RunState) -> None:
        """Check the end of the run."""
        for grown in self._trees:
            assert not grown.still_open, f"tasks have no outcome: {grown.still_open:b}"
            for place in grown.places:
                counted = met_at_the_end(place.tree, grown.good)
                assert place.met is counted, f"group {place.name} is told to be {place.met}: {counted}"
        tolerated = RunState.DEGRADED if self._degraded else RunState.SUCCEEDED
        assert state is (RunState.FAILED if self._run_lost else tolerated), f"the run has {state}"

    def _around(self, position: int) -> tuple[_Place, ...]:
        """Return the groups around a task, its own first."""
        number, local = divmod(position, self._n_tasks)
        return self._trees[number].around[local]

    def _rest(self, position: int) -> Rest:
        """Return what a task that has not ended does by now: the strictest of what all around it ask."""
        rests = [self._run_rest, *(place.rest for place in self._around(position))]
        return next(rest for rest in (Rest.CANCEL, Rest.DRAIN, Rest.CONTINUE) if rest in rests)

    def _take_end(self, position: int, outcome: Outcome) -> None:
        if isinstance(outcome, Skipped):
            assert self._rest(position) is not Rest.CONTINUE, f"task {position} could still matter: {outcome}"
        if isinstance(outcome, Cancelled):
            assert self._rest(position) is Rest.CANCEL, f"task {position} was stopped early: {outcome}"
        done = isinstance(outcome, Succeeded)
        left_out = not isinstance(outcome, Failed) and any(place.met for place in self._around(position))
        self._degraded = self._degraded or not (done or left_out)
        number, local = divmod(position, self._n_tasks)
        self._trees[number].still_open &= ~(1 << local)
        self._trees[number].good |= done << local

    def _take_verdict(self, name: str, met: bool) -> None:
        grown = self._trees[int(name.partition("/")[0])]
        place = grown.by_name[name]
        assert place.met is None, f"group {name} is decided twice"
        verdict = grown.verdict(place)
        assert verdict is met, f"group {name} is told to be {met} and is {verdict}"
        place.met = met
        if not met:
            self._take_loss(place)

    def _take_loss(self, place: _Place) -> None:
        stopped_by = [outer for outer in place.around if outer.rest is not Rest.CONTINUE]
        self._degraded = self._degraded or not any(outer.met for outer in stopped_by)
        critical = place.tree.group.critical
        if critical and not stopped_by and self._run_rest is Rest.CONTINUE:
            self._run_rest, self._run_lost = Rest.CANCEL, True
        elif critical is not False and not place.around and not self._run_lost:
            self._run_rest, self._run_lost = self._on_failure, True


def audited(of: Forest, order: Sequence[int], good: int, *, obedient: bool = True) -> None:
    """Let the tasks of every tree of the forest end in this order, those in ``good`` well, and check all.

    A task that was asked to end does so, if ``obedient``; else it ends as it would have.

    Raises:
        AssertionError: something is not as it must be.
    """
    scheduler = Scheduler(UNBOUNDED, of.plan.limits, of.plan.groups, of.plan.policy)
    audit = Audit(of)
    audit.take(scheduler.steps((TasksSubmitted(of.prepared), PlanClosed()), 0.0).facts)
    for number in order:
        events: list[Event] = []
        for position in range(number, len(of.prepared), of.n_tasks):
            node = scheduler.live.get(position)
            if node is not None and node.attempt is not None:
                outcome: Outcome = succeeded() if good >> number & 1 else failed()
                asked = node.stop_reason is not None
                events.append(AttemptFinished(node.attempt, cancelled() if asked and obedient else outcome))
        if events:
            audit.take(scheduler.steps(events, 0.0).facts)
    assert scheduler.ended is not None, f"tasks that never end: {sorted(scheduler.live)}"
    audit.finish(scheduler.ended)
