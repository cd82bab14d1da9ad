"""What parallel running can do for a plan: pairs, chains, and how long a run would take.

Knows numbers and names; how a page is laid out is decided in `page`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from math import ceil

import msgspec

from weft.model.access import Undeclared
from weft.model.limits import MAX_CONCURRENT, Limit
from weft.model.rate import Rate, Window, costs_of, useful_concurrency
from weft.model.reason import EdgeReason
from weft.model.sentences import sentence
from weft.model.task import Task
from weft.planning.demand import label_of, pools_of, sizes_of, weight_of
from weft.planning.loosen import loosen
from weft.planning.pairs import Pairs, count_pairs
from weft.planning.patterns import NOWHERE, Ground
from weft.planning.prepare import PreparedPlan
from weft.planning.priority import UNKNOWN_S
from weft.planning.reach import followers_of
from weft.scheduling.aging import longest_wait_s
from weft.views.forecast import Forecast, forecast
from weft.views.page import MOST_ITEMS, Page, count, item, names, row, seconds, wrapped

# How many edges are tried, and in a large plan how many tasks all trials may run in virtual time: a second.
MOST_TRIALS = 20
MOST_TRIED_TASKS = 100_000

# A list scheduler is now and then quicker with less freedom. A share of the run below this is such chance.
_CHANCE = 0.01


class CostlyEdge(msgspec.Struct, frozen=True):
    """Without what orders ``after`` directly after ``before``, the run would be ``saves_s`` shorter."""

    before: str
    after: str
    because: tuple[EdgeReason, ...]
    saves_s: float


class RateUse(msgspec.Struct, frozen=True):
    """A rate, of which ``n_tasks`` cost something.

    One span lets from ``useful_least`` (of those that cost most) to ``useful_most`` of them start, which is
    ``floor(limit / cost)``.
    """

    name: str
    windows: tuple[Window, ...]
    n_tasks: int
    useful_least: int
    useful_most: int

    def __str__(self) -> str:
        most = count(self.useful_most, "task")
        up_to = most if self.useful_least == self.useful_most else f"{self.useful_least:,} to {most}"
        return f"`{self.name}` lets {up_to} start in one span; more at once wait for it"


class Patience(msgspec.Struct, frozen=True):
    """How long a task of a priority waits at most for tasks of a higher one that come later."""

    priority: str
    longest_s: float


class Summary(Page, frozen=True):
    """What parallel running can do for a plan when ``max_concurrent`` tasks may run at once.

    All times are in seconds and come from the expected durations; ``n_guessed`` tasks tell none, and count as
    one second. ``work_s`` is what they take one after the other. No run is shorter than
    ``critical_path_s``, and none is more than ``bound`` times as fast as one task after the other:
    ``bound_by`` names the limit that does not allow more, or is None if it is the critical path.
    ``makespan_s`` is forecast; ``unlimited_s`` and ``widest`` are without ``max_concurrent``, which
    hardly helps from ``useful_concurrency`` on. ``patience`` is told of each priority below the highest,
    where there are several. ``undeclared`` are tasks that declare no accesses.
    """

    n_tasks: int
    n_guessed: int
    max_concurrent: int
    pairs: Pairs
    work_s: float
    critical_path: tuple[str, ...]
    critical_path_s: float
    bound: float
    bound_by: str | None
    makespan_s: float
    unlimited_s: float
    widest: int
    useful_concurrency: int
    rates: tuple[RateUse, ...]
    patience: tuple[Patience, ...]
    costly_edges: tuple[CostlyEdge, ...]
    undeclared: tuple[str, ...]
    undeclared_are_apart: bool

    def lines(self) -> Iterator[str]:
        """Return the page line by line."""
        pairs = self.pairs
        verdicts = (
            f"{pairs.parallel:,} parallel, {pairs.sequential:,} sequential, {pairs.unproven:,} unproven"
        )
        yield from wrapped(f"{count(self.n_tasks, 'task')}, {count(pairs.total, 'pair')}: {verdicts}")
        yield ""
        yield from self._times()
        if self.costly_edges:
            yield from ("", "What costs most:")
            for edge in self.costly_edges[:MOST_ITEMS]:
                yield from item(f"`{edge.after}` after `{edge.before}`: {seconds(edge.saves_s)}")
                for reason in edge.because:
                    yield from wrapped(sentence(reason), "      ")
        if self.undeclared:
            so_that = "each runs alone" if self.undeclared_are_apart else "their pairs are unproven"
            yield ""
            yield from wrapped(f"Without declared accesses, so that {so_that}: {names(self.undeclared)}")

    def _times(self) -> Iterator[str]:
        guessed = (
            f", {count(self.n_guessed, 'task')} of unknown duration counted as 1 s" if self.n_guessed else ""
        )
        yield from row("one by one", f"{seconds(self.work_s)}{guessed}")
        path = " -> ".join(_shortened(self.critical_path))
        if path:
            yield from row("critical path", f"{seconds(self.critical_path_s)}: {path}")
        speed_up = self.work_s / self.makespan_s if self.makespan_s else 1.0
        at_once = f"with {self.max_concurrent} at once, {speed_up:.1f} times as fast"
        yield from row("forecast", f"{seconds(self.makespan_s)} {at_once}")
        yield from row("", f"{seconds(self.unlimited_s)} with any number at once")
        limit = f"`{self.bound_by}`" if self.bound_by else "the critical path"
        yield from row("at best", f"{self.bound:.1f} times as fast, because of {limit}")
        yield from row("widest moment", count(self.widest, "task"))
        yield from row("useful", f"-j {self.useful_concurrency}; more would hardly be faster")
        for rate in self.rates:
            yield from row("rate", str(rate))
        if self.patience:
            waits = (f"a {each.priority} task at most {each.longest_s:,g} s" for each in self.patience)
            yield from row("waits", f"{', '.join(waits)} for more urgent tasks that come later")


def summarize(prepared: PreparedPlan, max_concurrent: int, ground: Ground = NOWHERE) -> Summary:
    """Return what parallel running can do for ``prepared``; ``ground`` is what it was prepared with.

    >>> from weft.planning.prepare import prepare
    >>> from weft.testing import plan, task
    >>> summary = summarize(prepare(plan(task("a"), task("b"), task("c", needs=["b"]))), 2)
    >>> summary.critical_path, summary.work_s, summary.makespan_s, summary.bound
    (('b', 'c'), 3.0, 2.0, 1.5)
    """
    tasks = prepared.plan.tasks
    durations_s = [UNKNOWN_S if task.duration_s is None else task.duration_s for task in tasks]
    path = _critical_path(prepared)
    path_s = prepared.tasks[path[0]].path_s if path else 0.0
    bound, bound_by = _bound(prepared, max_concurrent, durations_s, path_s)
    expected = forecast(prepared, max_concurrent)
    unlimited = forecast(prepared, _without_limit(prepared))
    return Summary(
        n_tasks=len(tasks),
        n_guessed=sum(task.duration_s is None for task in tasks),
        max_concurrent=max_concurrent,
        pairs=count_pairs(prepared, max_concurrent),
        work_s=sum(durations_s),
        critical_path=tuple(tasks[position].id for position in path),
        critical_path_s=path_s,
        bound=bound,
        bound_by=bound_by,
        makespan_s=expected.makespan_s,
        unlimited_s=unlimited.makespan_s,
        widest=unlimited.widest,
        useful_concurrency=_useful_concurrency(prepared, unlimited, durations_s),
        rates=tuple(_rates(tasks, prepared.plan.limits)),
        patience=tuple(_patience(tasks, prepared.plan.policy.aging_s)),
        costly_edges=_costly_edges(prepared, max_concurrent, path, expected.makespan_s, ground),
        undeclared=tuple(task.id for task in tasks if task.accesses is None),
        undeclared_are_apart=prepared.plan.undeclared is Undeclared.SEQUENTIAL,
    )


def _shortened(path: Sequence[str]) -> list[str]:
    half = MOST_ITEMS // 2
    if len(path) <= MOST_ITEMS:
        return list(path)
    return [*path[:half], f"... {len(path) - MOST_ITEMS:,} more ...", *path[-half:]]


def _critical_path(prepared: PreparedPlan) -> list[int]:
    """Return the positions of the longest chain; of several, the one that stands first in the plan."""
    tasks = prepared.tasks
    followers = followers_of(prepared)
    path: list[int] = []
    candidates: Sequence[int] = range(len(tasks))
    while candidates:
        path.append(max(candidates, key=lambda position: (tasks[position].path_s, -position)))
        candidates = followers[path[-1]]
    return path


def _without_limit(prepared: PreparedPlan) -> int:
    """Return as many slots as all tasks together can fill."""
    return max(1, sum(weight_of(task) for task in prepared.plan.tasks))


def _bound(
    prepared: PreparedPlan, max_concurrent: int, durations_s: Sequence[float], path_s: float
) -> tuple[float, str | None]:
    """Return how many times as fast as one after the other a run can be, and which limit says so."""
    sizes = sizes_of(prepared.plan.limits, max_concurrent)
    taken_s = dict.fromkeys(sizes, 0.0)
    for task, duration_s in zip(prepared.plan.tasks, durations_s, strict=True):
        for name, units in pools_of(task, prepared.plan.limits, max_concurrent).items():
            taken_s[name] += duration_s * units
    least_s = {name: taken_s[name] / size for name, size in sizes.items()}
    least_s.update(_least_of_rates_s(prepared.plan.tasks, prepared.plan.limits))
    slowest = _largest(least_s)
    shortest_s = max(path_s, least_s[slowest])
    bound = sum(durations_s) / shortest_s if shortest_s else 1.0
    return bound, slowest if least_s[slowest] > path_s else None


def _least_of_rates_s(tasks: Iterable[Task], limits: Mapping[str, Limit]) -> dict[str, float]:
    """Return how long each rate takes at least to let all of ``tasks`` start."""
    least_s: dict[str, float] = {}
    for name, rate in _rates_among(limits):
        costs = [costs_of(rate, task.limits[name]) for task in tasks if name in task.limits]
        for window, units in zip(rate.windows, zip(*costs, strict=True), strict=False):  # or no costs at all
            label, n_spans = label_of(name, window.cost), (sum(units) - 1) // window.limit  # before the last
            least_s[label] = max(least_s.get(label, 0.0), n_spans * window.per_s)
    return least_s


def _rates(tasks: Iterable[Task], limits: Mapping[str, Limit]) -> Iterator[RateUse]:
    for name, rate in _rates_among(limits):
        found = [useful_concurrency(rate, task.limits[name]) for task in tasks if name in task.limits]
        useful = [number for number in found if number is not None]
        if useful:
            yield RateUse(name, rate.windows, len(useful), min(useful), max(useful))


def _rates_among(limits: Mapping[str, Limit]) -> list[tuple[str, Rate]]:
    return [(name, limit) for name, limit in limits.items() if isinstance(limit, Rate)]


def _patience(tasks: Iterable[Task], aging_s: float) -> Iterator[Patience]:
    """Yield the bounds of aging, the most urgent first; speculation is promised nothing."""
    priorities = sorted({task.priority for task in tasks if not task.speculative}, reverse=True)
    for priority in priorities[1:]:
        yield Patience(priority.name, longest_wait_s(priority, priorities[0], aging_s))


def _largest(values: Mapping[str, float]) -> str:
    return max(values, key=lambda name: (values[name], name == MAX_CONCURRENT))


def _useful_concurrency(prepared: PreparedPlan, unlimited: Forecast, durations_s: Sequence[float]) -> int:
    """Return the smallest number of slots with which a run takes hardly longer than without that limit."""
    most = max(1, unlimited.widest_slots)
    least = 1
    if unlimited.makespan_s:
        least = max(1, min(most, ceil(sum(durations_s) / unlimited.makespan_s * (1 - _CHANCE))))
    while least < most:
        middle = (least + most) // 2
        if forecast(prepared, middle).makespan_s <= unlimited.makespan_s * (1 + _CHANCE):
            most = middle
        else:
            least = middle + 1
    return most


def _costly_edges(
    prepared: PreparedPlan,
    max_concurrent: int,
    path: Sequence[int],
    makespan_s: float,
    ground: Ground,
) -> tuple[CostlyEdge, ...]:
    """Return the links of the critical path that lengthen the run, the costliest first."""
    n_trials = max(1, min(MOST_TRIALS, MOST_TRIED_TASKS // max(1, len(prepared.tasks))))
    tasks = prepared.tasks
    path_s = tasks[path[0]].path_s if path else 0.0

    def least_s(link: tuple[int, int]) -> float:
        """What remains of the critical path at least: its longer piece."""
        return max(path_s - tasks[link[1]].path_s, tasks[link[1]].path_s)

    found = []
    for before, after in sorted(pairwise(path), key=least_s)[:n_trials]:
        changed = loosen(prepared, dropped=[(before, after)], ground=ground)
        saves_s = makespan_s - forecast(changed, max_concurrent).makespan_s
        if saves_s > makespan_s * _CHANCE:
            because = tuple(edge.because for edge in tasks[after].edges if edge.before == before)
            found.append(CostlyEdge(tasks[before].task.id, tasks[after].task.id, because, saves_s))
    return tuple(sorted(found, key=lambda edge: -edge.saves_s))
