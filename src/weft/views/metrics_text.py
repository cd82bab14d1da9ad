"""Metrics as a page for people.

Knows how numbers are laid out; what they mean stands in `metrics`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from weft.views.metrics import Metrics, Totals
from weft.views.page import count
from weft.views.spans import brief
from weft.views.usage import LimitUse
from weft.views.visible import visible

_SLOWEST = 5
_BARS = " .:-=+*#%@"  # darker and darker, on any terminal
_LONGEST_PATH = 12

Row = Sequence[str]


def metrics_text(metrics: Metrics) -> str:
    """Return the metrics as lines of text, each ended."""
    blocks = [
        [_headline(metrics), *_run(metrics)],
        _table("waits", _waits(metrics.run.waits), "in all"),
        _table("limits", _limits(metrics.limits), "used", "peak", "over time"),
        _table("groups", _groups(metrics.groups), "tasks", "failed", "service", "waits"),
        _table("slowest tasks", _slowest(metrics), "service", "waits", "attempts"),
    ]
    return "\n".join("".join(f"{line}\n" for line in block) for block in blocks if block)


def _headline(metrics: Metrics) -> str:
    counts = metrics.run.counts
    told = ", ".join(f"{number:,} {state}" for state, number in counts.items())
    return f"{count(sum(counts.values()), 'task')} in {brief(metrics.elapsed_s)}: {told or 'none'}"


def _run(metrics: Metrics) -> Iterator[str]:
    run = metrics.run
    yield f"  throughput     {run.throughput:.3g} tasks a second"
    yield f"  speed-up       {metrics.speed_up:.2f} times as fast as one after the other"
    yield f"  efficiency     {_percent(metrics.efficiency)} of the best possible ({brief(metrics.bound_s)})"
    if metrics.critical_path:
        path = metrics.critical_path
        more = f" … {len(path) - _LONGEST_PATH} more" if len(path) > _LONGEST_PATH else ""
        shown = " > ".join(map(visible, path[:_LONGEST_PATH]))
        yield f"  critical path  {brief(metrics.critical_path_s)}: {shown}{more}"
    if run.percentiles_s:
        told = ", ".join(
            f"{'longest' if rank == 100 else f'p{rank}'} {brief(value)}"
            for rank, value in run.percentiles_s.items()
        )
        yield f"  service time   {told}"
    yield f"  error rate     {_percent(run.error_rate)} of {count(run.attempts, 'attempt')}"
    if run.retries:
        yield f"  retries        {run.retries:,}; {brief(run.retried_s)} in attempts that failed before"
    if run.cache_hit_rate is not None:
        looked_up = run.cache_hits + run.cache_misses
        yield f"  cache          {_percent(run.cache_hit_rate)} hits of {looked_up:,} looked up"
    if run.wasted_s:
        yield f"  speculation    {brief(run.wasted_s)} for nothing"


def _waits(waits: Mapping[str, float]) -> Iterator[Row]:
    for gate, waited_s in sorted(waits.items(), key=lambda each: -each[1]):
        yield visible(gate), brief(waited_s)


def _limits(limits: Mapping[str, LimitUse]) -> Iterator[Row]:
    for name, use in limits.items():
        peak = "" if use.kind == "rate" else f"{use.peak:,} of {use.size:,.0f}"
        yield visible(name), _percent(use.utilisation), peak, _bars(use.over_time)


def _groups(groups: Mapping[str, Totals]) -> Iterator[Row]:
    for name, group in groups.items():
        n_tasks = f"{sum(group.counts.values()):,}"
        waited_s = sum(group.waits.values())
        failed = f"{group.counts.get('failed', 0):,}"
        yield visible(name), n_tasks, failed, brief(group.service_s), brief(waited_s)


def _slowest(metrics: Metrics) -> Iterator[Row]:
    began = [task for task in metrics.tasks.values() if task.attempts]
    for task in sorted(began, key=lambda each: -each.service_s)[:_SLOWEST]:
        waited_s = sum(task.waits.values())
        yield visible(task.id), brief(task.service_s), brief(waited_s), str(task.attempts)


def _table(title: str, rows: Iterable[Row], *columns: str) -> list[str]:
    """Return rows under a title, in columns; nothing if there are none."""
    all_rows = [[title, *columns], *map(list, rows)]
    if len(all_rows) == 1:
        return []
    widths = [max(len(row[column]) for row in all_rows) for column in range(len(columns) + 1)]
    lines = []
    for row in all_rows:
        first, *others = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        lines.append("  ".join([first, *others]).rstrip())
    return lines


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"


def _bars(shares: Sequence[float]) -> str:
    """Return a character for each share, the darker the larger; of many neighbours, their mean."""
    n = max(1, -(-len(shares) // 32))
    means = [sum(shares[at : at + n]) / len(shares[at : at + n]) for at in range(0, len(shares), n)]
    return "|" + "".join(_BARS[min(int(share * 9 + 0.999), 9)] for share in means) + "|"
