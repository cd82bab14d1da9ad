"""Hypothesis strategies for plans that can run, and for what stands in them.

Hypothesis must be installed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from hypothesis import strategies as st

from weft.model.group import Group, Rest
from weft.model.health import Health, WhenUnhealthy
from weft.model.limits import MAX_CONCURRENT, Pool
from weft.model.lock import Hold
from weft.model.plan import Plan
from weft.model.policy import Policy
from weft.model.priority import Priority
from weft.model.rate import Aimd, Cost, Rate
from weft.model.retry import Jitter, On, Retry, RetryBudget
from weft.model.speculation import Effects
from weft.model.task import Task
from weft.model.timeout import Timeout, timeout_of
from weft.testing.builders import task
from weft.testing.random_limits import largest_costs

_FAILURES: tuple[On, ...] = (1, 2, "timeout", "SIGKILL", OSError, ValueError)
_SPANS_S = st.sampled_from([0.0, 0.25, 1.0]) | st.floats(0, 1e6)
_TIMES_S = st.sampled_from([0.5, 1.0, 2.0, 4.0])


@st.composite
def tasks(
    draw: st.DrawFn,
    task_id: str = "a",
    *,
    others: Sequence[str] = (),
    limits: Mapping[str, Pool] | None = None,
) -> Task:
    """Tasks that are called ``task_id``, may need ``others`` and take units of ``limits``."""
    units: dict[str, int] = {}
    for name, pool in (limits or {}).items():
        if draw(st.booleans()):
            units[name] = draw(st.integers(1, pool.size))
    if draw(st.integers(0, 3)) == 3:
        units[MAX_CONCURRENT] = draw(st.integers(1, 3))
    needs = draw(st.lists(st.sampled_from(others), unique=True, max_size=3)) if others else ()
    return task(
        task_id,
        needs=needs,
        limits=units,
        priority=draw(st.sampled_from(Priority)),
        duration_s=draw(st.none() | st.sampled_from([0.0, 0.5, 1.0, 2.0])),
    )


@st.composite
def plans(draw: st.DrawFn, *, max_tasks: int = 8) -> Plan:
    """Plans without mistakes; a task may need others that stand after it."""
    ids = [f"t{number}" for number in range(draw(st.integers(0, max_tasks)))]
    names = draw(st.lists(st.sampled_from(["api", "gpu"]), unique=True))
    limits = {name: Pool(draw(st.integers(1, 4))) for name in names}
    ranked = draw(st.permutations(ids))
    drawn = {name: draw(tasks(name, others=ranked[:rank], limits=limits)) for rank, name in enumerate(ranked)}
    return Plan(tuple(drawn[name] for name in ids), limits, max_concurrent=draw(st.integers(1, 4)))


@st.composite
def rates(draw: st.DrawFn) -> Rate:
    """Rates with one window or several, of one cost or two, that let something start in every two seconds."""
    limit = draw(st.integers(1, 6))
    one, other = (
        f"{draw(st.integers(limit, 9))}/{draw(st.sampled_from(['500ms', '1s', '2s']))}" for _ in "ab"
    )
    limits: list[str | tuple[str, ...] | dict[str, str | tuple[str, ...]]]
    limits = [one, (one, other), {"requests": one, "tokens": (other, "20/2s")}]
    return Rate(
        draw(st.sampled_from(limits)),
        burst=draw(st.none() | st.integers(1, limit)),
        adapt=draw(st.sampled_from([None, Aimd(), Aimd(0.5, 0.5)])),
    )


@st.composite
def costs(draw: st.DrawFn, rate: Rate) -> Cost:
    """What a task may cost of ``rate``: a number, or some of its costs by name."""
    largest = largest_costs(rate.windows)
    if len(largest) == 1:
        return draw(st.integers(0, *largest.values()))
    named = {name: st.integers(0, most) for name, most in largest.items()}
    return draw(st.fixed_dictionaries({}, optional=named))


def locks() -> st.SearchStrategy[dict[str, Hold]]:
    """What a task holds, and how."""
    return st.dictionaries(st.sampled_from(["deploy", "index"]), st.sampled_from(Hold))


@st.composite
def limited_plans(draw: st.DrawFn, *, max_tasks: int = 8) -> Plan:
    """Plans whose tasks also have rates, locks and speculation in common."""
    plan = draw(plans(max_tasks=max_tasks))
    replace = msgspec.structs.replace
    rate = draw(rates())
    tasks = []
    for one in plan.tasks:
        speculative = draw(st.integers(0, 3)) == 3
        effects = Effects.PURE if speculative else Effects.UNKNOWN
        limits = {**one.limits, "model": draw(costs(rate))} if draw(st.booleans()) else one.limits
        tasks.append(
            replace(one, limits=limits, locks=draw(locks()), speculative=speculative, effects=effects)
        )
    policy = Policy(aging_s=draw(st.sampled_from([0.5, 2.0, 300.0])))
    return replace(plan, tasks=tuple(tasks), limits={**plan.limits, "model": rate}, policy=policy)


@st.composite
def retries(draw: st.DrawFn) -> Retry:
    """Ways to try again, with delays and ceilings of any size."""
    failures = st.lists(st.sampled_from(_FAILURES), max_size=2)
    return Retry(
        draw(st.integers(1, 5)),
        base_s=draw(_SPANS_S),
        factor=draw(st.sampled_from([1.0, 1.5, 2.0, 10.0])),
        ceiling_s=draw(_SPANS_S),
        jitter=draw(st.sampled_from(Jitter)),
        retry_on=tuple(draw(failures)),
        give_up_on=tuple(draw(failures)),
        budget_s=draw(st.none() | _SPANS_S),
        retry_after_ceiling_s=draw(_SPANS_S),
    )


def timeouts() -> st.SearchStrategy[Timeout | None]:
    """How long a task may take."""
    return st.builds(timeout_of, st.none() | _TIMES_S, st.none() | _TIMES_S)


@st.composite
def healths(draw: st.DrawFn) -> Health:
    """What counts as healthy, seen after few attempts."""
    window = draw(st.integers(1, 5))
    return Health(
        draw(st.sampled_from([0.25, 0.5, 1.0])),
        window=window,
        window_s=draw(st.none() | _TIMES_S),
        min_samples=draw(st.integers(1, window)),
        when_unhealthy=draw(st.sampled_from(WhenUnhealthy)),
        cool_down_s=draw(st.sampled_from([0.0, 1.0, 3.0])),
    )


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """What a run does when things go wrong."""
    return Policy(
        draw(st.sampled_from(Rest)),
        timeout_s=draw(st.none() | _TIMES_S),
        retry_budget=draw(st.none() | st.builds(RetryBudget, st.floats(0, 1), st.integers(0, 3))),
        health=draw(st.none() | healths()),
        grace_s=draw(st.sampled_from([0.0, 1.0])),
    )


@st.composite
def groups(draw: st.DrawFn, others: Sequence[str] = ()) -> Group:
    """Groups that have members, and may stand inside one of ``others``."""
    return Group(
        critical=draw(st.none() | st.booleans()),
        min_required=draw(st.none() | st.just(1) | st.sampled_from([0.25, 0.5, 1.0])),
        when_met=draw(st.sampled_from(Rest)),
        when_lost=draw(st.none() | st.sampled_from(Rest)),
        group=draw(st.none() | st.sampled_from(others)) if others else None,
        health=draw(st.none() | healths()),
    )


@st.composite
def troubled_plans(draw: st.DrawFn, *, max_tasks: int = 8) -> Plan:
    """Plans that also say what is done when things go wrong."""
    plan = draw(plans(max_tasks=max_tasks))
    replace = msgspec.structs.replace
    of = [draw(st.none() | st.sampled_from(["outer", "inner"])) for _ in plan.tasks]
    names = [name for name in ("outer", "inner") if name in of]
    tasks = [
        replace(one, group=group, retry=draw(st.none() | retries()), timeout=draw(timeouts()))
        for one, group in zip(plan.tasks, of, strict=True)
    ]
    declared = {name: draw(groups(names[:number])) for number, name in enumerate(names)}
    watched = {name: replace(pool, health=draw(st.none() | healths())) for name, pool in plan.limits.items()}
    return replace(plan, tasks=tuple(tasks), groups=declared, limits=watched, policy=draw(policies()))
