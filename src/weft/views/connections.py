"""One task among the others: what it waits for and why, who waits for it, and what it takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from weft.model.access import Accesses
from weft.model.amount import amount
from weft.model.limits import Limit
from weft.model.lock import Hold
from weft.model.rate import Rate, costs_of
from weft.model.reason import EdgeReason
from weft.model.sentences import sentence
from weft.model.task import ONE_BY_ONE, Task
from weft.model.workspace import Merge, Workspace
from weft.planning.demand import label_of, pools_of, sizes_of
from weft.planning.graph import Edge
from weft.planning.prepare import PreparedPlan
from weft.planning.reach import followers_of, implied, sources_of
from weft.views.forecast import Span, forecast
from weft.views.page import MOST_ITEMS, Page, item, names, row, seconds, wrapped


class Neighbour(msgspec.Struct, frozen=True):
    """A task directly before or after another.

    ``required`` tells that the later one can't do without the earlier one's success. ``implied`` tells
    that they would stand in this order without it: others between them see to that.
    """

    task: str
    required: bool
    implied: bool
    because: tuple[EdgeReason, ...]


class Taken(msgspec.Struct, frozen=True):
    """Units that a task takes of a pool while it runs."""

    units: int
    size: int

    def __str__(self) -> str:
        return f"{amount(self.units)} of {amount(self.size)}"


class Spent(msgspec.Struct, frozen=True):
    """What the start of a task costs of a rate, in one of its windows."""

    name: str
    units: int
    limit: int
    per_s: float

    def __str__(self) -> str:
        return f"`{self.name}` {self.units:,} of {self.limit:,} in {self.per_s:g} s"


class Connections(Page, frozen=True):
    """What a task has to do with the others.

    ``position`` counts from 0. ``span`` is when it would run, ``path_s`` the longest chain of expected
    durations from its start. ``takes`` are units of pools, ``costs`` those of rates. ``accesses`` is None
    when it declares none. What it makes in its ``workspace`` is brought back after those in ``merged_after``.
    """

    task: str
    position: int
    n_tasks: int
    span: Span
    path_s: float
    waits_for: tuple[Neighbour, ...]
    waited_for_by: tuple[Neighbour, ...]
    takes: Mapping[str, Taken]
    costs: tuple[Spent, ...]
    locks: Mapping[str, Hold]
    speculative: bool
    accesses: Accesses | None
    workspace: Workspace | None = None
    merge: Merge | None = None
    merged_after: tuple[Neighbour, ...] = ()

    def lines(self) -> Iterator[str]:
        """Return the page line by line."""
        yield from (f"{self.task}: task {self.position + 1:,} of {self.n_tasks:,}", "")
        yield from row("would run", f"from {seconds(self.span.start_s)} to {seconds(self.span.end_s)}")
        yield from row("longest chain", f"{seconds(self.path_s)} from its start")
        yield from row("takes", ", ".join(f"`{name}` {taken}" for name, taken in self.takes.items()))
        if self.costs:
            yield from row("costs", ", ".join(map(str, self.costs)))
        if self.locks:
            yield from row("locks", ", ".join(f"`{name}` {hold}" for name, hold in self.locks.items()))
        if self.speculative:
            yield from row("speculative", "it runs only where nothing else can")
        if self.workspace is not None and self.workspace.is_private:
            how = self.merge or ONE_BY_ONE
            yield from row("works in", f"a workspace of its own: {self.workspace.kind}")
            yield from row("is merged", f"when the {how.at} has ended; on conflicts `{how.policy}`")
        if self.accesses is None:
            yield from row("accesses", "not declared")
        else:
            yield from row("reads", ", ".join(self.accesses.reads) or "nothing")
            yield from row("writes", ", ".join(self.accesses.writes) or "nothing")
        yield from _list("Waits for", self.waits_for)
        yield from _list("Waited for by", self.waited_for_by)
        yield from _list("What it makes is brought back after", self.merged_after)


def connections(prepared: PreparedPlan, position: int, max_concurrent: int) -> Connections:
    """Return what the task at ``position`` has to do with the others."""
    here = prepared.tasks[position]
    sizes = sizes_of(prepared.plan.limits, max_concurrent)
    return Connections(
        task=here.task.id,
        position=position,
        n_tasks=len(prepared.tasks),
        span=forecast(prepared, max_concurrent).spans[position],
        path_s=here.path_s,
        waits_for=_neighbours(prepared, position, sources_of(prepared), here.edges),
        waited_for_by=_neighbours(
            prepared, position, followers_of(prepared), _edges_from(prepared, position)
        ),
        merged_after=tuple(
            Neighbour(prepared.tasks[edge.before].task.id, False, False, (edge.because,))
            for edge in here.merges_after
        ),
        takes={
            name: Taken(units, sizes[name])
            for name, units in pools_of(here.task, prepared.plan.limits, max_concurrent).items()
        },
        costs=tuple(_costs(here.task, prepared.plan.limits)),
        locks=here.task.locks,
        speculative=here.task.speculative,
        accesses=here.task.accesses,
        workspace=here.task.workspace,
        merge=here.task.merge,
    )


def _costs(task: Task, limits: Mapping[str, Limit]) -> Iterator[Spent]:
    for name, cost in task.limits.items():
        limit = limits.get(name)
        if isinstance(limit, Rate):
            for window, units in zip(limit.windows, costs_of(limit, cost), strict=True):
                yield Spent(label_of(name, window.cost), units, window.limit, window.per_s)


def _edges_from(prepared: PreparedPlan, position: int) -> list[Edge]:
    return [edge for task in prepared.tasks for edge in task.edges if edge.before == position]


def _neighbours(
    prepared: PreparedPlan, position: int, adjacent: Sequence[Sequence[int]], edges: Iterable[Edge]
) -> tuple[Neighbour, ...]:
    edges_with: dict[int, list[Edge]] = {other: [] for other in adjacent[position]}
    for edge in edges:
        edges_with[edge.after if edge.before == position else edge.before].append(edge)
    redundant = implied(adjacent, position)
    return tuple(
        Neighbour(
            prepared.tasks[other].task.id,
            any(edge.required for edge in between),
            other in redundant,
            tuple(edge.because for edge in between),
        )
        for other, between in edges_with.items()
    )


def _list(title: str, neighbours: Sequence[Neighbour]) -> Iterator[str]:
    if not neighbours:
        return
    yield from ("", f"{title}:")
    shown = [neighbour for neighbour in neighbours if not neighbour.implied]
    for neighbour in shown[:MOST_ITEMS]:
        because = "; ".join(sentence(reason) for reason in neighbour.because)
        yield from item(f"`{neighbour.task}`: {because}")
    if len(shown) > MOST_ITEMS:
        yield f"  and {len(shown) - MOST_ITEMS:,} more"
    implied_ones = [neighbour.task for neighbour in neighbours if neighbour.implied]
    if implied_ones:
        yield from wrapped(f"and so, through these: {names(implied_ones)}", "  ")
