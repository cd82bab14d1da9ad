"""The verdict on two tasks: may they run side by side, and if not, why?

Gathers every rule that speaks against it, each with what would lift it. How many pairs there are of each
verdict is counted in `pairs`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import product
from typing import assert_never

import msgspec

from weft.model.access import Accesses
from weft.model.limits import Limit
from weft.model.reason import (
    BringsBack,
    EdgeReason,
    Needs,
    NeedsGroup,
    NotDeclared,
    PairReason,
    PoolTooSmall,
    RateTooSmall,
    ReadAfterWrite,
    SameLock,
    Through,
    Transaction,
    WriteAfterRead,
    WriteAfterWrite,
)
from weft.model.task import Task
from weft.model.unlock import (
    Declare,
    DropNeed,
    LargerLimit,
    LargerRate,
    LeaveGroup,
    NarrowerPattern,
    PrivateWorkspace,
    ShareLock,
    Unlock,
)
from weft.planning.conflicts import Hazard, between
from weft.planning.demand import demand_of, too_small
from weft.planning.merges import is_lifted
from weft.planning.overlap import common_path, goes_through
from weft.planning.patterns import NOWHERE, Branch, Ground, parse
from weft.planning.prepare import PreparedPlan
from weft.planning.reach import shortest_chain, sole_links, starts_after

NOTHING = Accesses()


class Verdict(StrEnum):
    """Whether two tasks may run at the same time."""

    PARALLEL = "parallel"  # and the result is that of running them one after the other
    SEQUENTIAL = "sequential"  # they never do
    UNPROVEN = "unproven"  # they do, and nobody has said what they touch


class Rule(msgspec.Struct, frozen=True):
    """One reason for a verdict. Any of ``unlocks`` would lift it; some rules nothing can lift."""

    because: EdgeReason | PairReason
    unlocks: tuple[Unlock, ...] = ()


class Link(msgspec.Struct, frozen=True):
    """Two tasks of a chain, one directly after the other.

    ``sole`` tells that the ends of the chain would be ordered no more, save directly, if this link
    were not.
    """

    before: str
    after: str
    rules: tuple[Rule, ...]
    sole: bool


class Decision(msgspec.Struct, frozen=True):
    """The verdict on two tasks, and every rule that led to it: it stands until all of them are lifted.

    ``before`` is the one that starts first where their order is settled, else the first in the
    plan. ``lifted`` are hazards that keep neither from starting, since one of the two works in a place of
    its own. ``chain`` are the links of the shortest way from one to the other through others, if there is
    one.
    """

    before: str
    after: str
    verdict: Verdict
    rules: tuple[Rule, ...] = ()
    chain: tuple[Link, ...] = ()
    lifted: tuple[EdgeReason, ...] = ()


def decide(
    prepared: PreparedPlan, first: int, second: int, max_concurrent: int, ground: Ground = NOWHERE
) -> Decision:
    """Return the verdict on two tasks when ``max_concurrent`` tasks may run at once.

    Args:
        prepared: the plan.
        first, second: positions of two different tasks, in whatever order.
        max_concurrent: how many tasks may run at once.
        ground: what the plan was prepared with.

    >>> from weft.planning.prepare import prepare
    >>> from weft.testing import plan, task
    >>> decision = decide(prepare(plan(task("a"), task("b", needs=["a"]))), 0, 1, max_concurrent=5)
    >>> decision.verdict.value, decision.rules
    ('sequential', (Rule(because=Needs(task='a'), unlocks=(DropNeed(task='b', needed='a'),)),))
    """
    assert first != second, f"two different tasks, not {first} twice"
    followers = starts_after(prepared)
    before, after = sorted((first, second))
    if shortest_chain(followers, after, before):
        before, after = after, before
    earlier, later = prepared.tasks[before].task, prepared.tasks[after].task
    rules = _between(prepared, before, after, ground)
    chain = shortest_chain(followers, before, after, indirect=True)
    if chain:
        rules.append(Rule(Through(tuple(prepared.tasks[position].task.id for position in chain[1:-1]))))
    rules += dict.fromkeys(_shared(earlier, later, prepared.plan.limits, max_concurrent))
    verdict = Verdict.SEQUENTIAL
    if not rules:
        unknown = [task.id for task in (earlier, later) if task.accesses is None]
        rules = [_rule(NotDeclared(task), earlier, later) for task in unknown]
        verdict = Verdict.UNPROVEN if rules else Verdict.PARALLEL
    links = tuple(_links(prepared, followers, chain, ground))
    lifted = tuple(because for because, is_lifted in _hazards(prepared, before, after, ground) if is_lifted)
    return Decision(earlier.id, later.id, verdict, tuple(rules), links, lifted)


def _between(prepared: PreparedPlan, before: int, after: int, ground: Ground) -> list[Rule]:
    """Return what orders two tasks directly; hazards that follow from others have no edge, and count."""
    earlier, later = prepared.tasks[before].task, prepared.tasks[after].task
    reasons = [edge.because for edge in prepared.tasks[after].edges if edge.before == before]
    hazards = _hazards(prepared, before, after, ground)
    reasons += [because for because, is_lifted in hazards if not is_lifted]
    return [_rule(reason, earlier, later) for reason in dict.fromkeys(reasons)]


def _hazards(
    prepared: PreparedPlan, before: int, after: int, ground: Ground
) -> Iterator[tuple[EdgeReason, bool]]:
    """Yield all hazards between two tasks, and of each whether a workspace has lifted it."""
    earlier, later = prepared.tasks[before].task, prepared.tasks[after].task
    declared = (earlier.accesses or NOTHING, later.accesses or NOTHING)
    for kind, path in between(*declared, ground.root, ground.resolve):
        because = Hazard(before, after, kind, path).reason(earlier.id, later.id)
        yield because, is_lifted(kind, earlier, later, prepared.plan.groups)


def _links(
    prepared: PreparedPlan,
    followers: Sequence[Sequence[int]],
    chain: Sequence[int],
    ground: Ground,
) -> Iterator[Link]:
    sole = sole_links(followers, chain)
    for before, after, is_sole in zip(chain, chain[1:], sole, strict=False):
        ids = (prepared.tasks[before].task.id, prepared.tasks[after].task.id)
        yield Link(*ids, tuple(_between(prepared, before, after, ground)), is_sole)


def _shared(earlier: Task, later: Task, limits: Mapping[str, Limit], max_concurrent: int) -> Iterator[Rule]:
    taken = dict(demand_of(earlier, limits, max_concurrent))
    for share, units in demand_of(later, limits, max_concurrent):
        asked = taken.get(share, 0) + units
        if share in taken and asked > share.size:
            yield _rule(too_small(share, asked), earlier, later)


def _rule(reason: EdgeReason | PairReason, earlier: Task, later: Task) -> Rule:
    return Rule(reason, tuple(dict.fromkeys(_unlocks(reason, earlier, later))))


def _unlocks(reason: EdgeReason | PairReason, earlier: Task, later: Task) -> Iterator[Unlock]:
    """Yield what would lift ``reason``, the surest first."""
    first, second = earlier.accesses or NOTHING, later.accesses or NOTHING
    match reason:
        case Needs(needed):
            yield DropNeed(later.id, needed)
        case NeedsGroup(group):
            yield DropNeed(later.id, group)
        case ReadAfterWrite():
            yield from _narrower(earlier.id, first.writes, later.id, second.reads)
        case WriteAfterRead():
            yield PrivateWorkspace(later.id)
            yield from _narrower(earlier.id, first.reads, later.id, second.writes)
        case WriteAfterWrite():
            yield PrivateWorkspace(later.id)
            yield from _narrower(earlier.id, first.writes, later.id, second.writes)
        case Transaction(group):
            yield from (LeaveGroup(task.id, group) for task in (earlier, later) if task.group == group)
        case NotDeclared(task):
            yield Declare(task)
        case PoolTooSmall(pool, _, asked):
            yield LargerLimit(pool, asked)
        case RateTooSmall(rate, _, asked):
            yield LargerRate(rate, asked)
        case SameLock(lock):
            yield ShareLock(lock)
        case Through() | BringsBack():
            return  # the links tell
        case _:
            assert_never(reason)


def _narrower(earlier: str, befores: Sequence[str], later: str, afters: Sequence[str]) -> Iterator[Unlock]:
    """Yield the patterns that touch more than a path which both tasks name."""
    for first, second in product(befores, afters):
        for one, other in product(parse(first).branches, parse(second).branches):
            if common_path(one, other) is not None:
                if _says_more(one, other):
                    yield NarrowerPattern(earlier, first)
                if _says_more(other, one):
                    yield NarrowerPattern(later, second)


def _says_more(one: Branch, other: Branch) -> bool:
    return not one.whole or (one.segments != other.segments and goes_through(other.segments, one.segments))
