"""The metrics of a run as families of prometheus-client; needs the extra `otel`.

Knows names and labels. What the numbers mean is told in docs/concepts/metrics.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from weft.views.metrics import Metrics, Totals
from weft.views.usage import LimitUse
from weft.views.visible import encodable

# A metric without labels has one value, under no label at all.
Values = Mapping[tuple[str, ...], float]


def families(metrics: Metrics) -> Iterator[Metric]:
    """Yield the metrics as families."""
    yield from _tasks(metrics.run, metrics.groups)
    yield from _attempts(metrics.run)
    yield from _limits(metrics.limits)
    yield _gauge("elapsed_seconds", "Time since the run began.", {(): metrics.elapsed_s})
    yield _gauge("critical_path_seconds", "Length of the critical path.", {(): metrics.critical_path_s})
    yield _gauge("speed_up_ratio", "Work against the time that it took.", {(): metrics.speed_up})
    yield _gauge("efficiency_ratio", "Shortest possible time against the real one.", {(): metrics.efficiency})


def _tasks(run: Totals, groups: Mapping[str, Totals]) -> Iterator[Metric]:
    of_run: Values = {(state,): number for state, number in run.counts.items()}
    of_groups: Values = {
        (name, state): number for name, group in groups.items() for state, number in group.counts.items()
    }
    waits: Values = {_split(gate): waited_s for gate, waited_s in run.waits.items()}
    quantiles: Values = {(f"{rank / 100:g}",): value for rank, value in run.percentiles_s.items()}
    yield _gauge("tasks", "Tasks by state.", of_run, "state")
    yield _gauge("group_tasks", "Tasks by group and state.", of_groups, "group", "state")
    yield _gauge("throughput", "Tasks ended per second.", {(): run.throughput})
    yield _counter("wait_seconds", "Waits of tasks that have ended, by gate.", waits, "gate", "name")
    yield _gauge("task_service_seconds", "Time in attempts at one task.", quantiles, "quantile")


def _attempts(run: Totals) -> Iterator[Metric]:
    yield _counter("attempts", "Attempts that have ended.", {(): run.attempts})
    yield _gauge("error_ratio", "Attempts that failed, of all that were not stopped.", {(): run.error_rate})
    yield _counter("cache_hits", "Attempts that ended with a result of earlier.", {(): run.cache_hits})
    yield _counter("cache_misses", "Attempts at cached tasks that did the work.", {(): run.cache_misses})
    yield _counter("retries", "Attempts that follow a failure.", {(): run.retries})
    yield _counter("retried_seconds", "Time in attempts that were tried again.", {(): run.retried_s})
    yield _counter("wasted_seconds", "Time of speculation for nothing.", {(): run.wasted_s})
    yield _counter("service_seconds", "Time in attempts.", {(): run.service_s})


def _limits(limits: Mapping[str, LimitUse]) -> Iterator[Metric]:
    sizes: Values = {(name, use.kind): use.size for name, use in limits.items()}
    used: Values = {(name, use.kind): use.used for name, use in limits.items()}
    shares: Values = {(name, use.kind): use.utilisation for name, use in limits.items()}
    yield _gauge("limit_size", "Units of a pool, or units per second of a rate.", sizes, "limit", "kind")
    yield _counter("limit_used", "Units times seconds of a pool, units of a rate.", used, "limit", "kind")
    yield _gauge("limit_utilisation_ratio", "Share of a limit that was used.", shares, "limit", "kind")


def _gauge(name: str, told: str, values: Values, *labels: str) -> Metric:
    family = GaugeMetricFamily(f"weft_{name}", told, labels=labels)
    for label, value in values.items():
        family.add_metric([encodable(part) for part in label], value)
    return family


def _counter(name: str, told: str, values: Values, *labels: str) -> Metric:
    family = CounterMetricFamily(f"weft_{name}", told, labels=labels)
    for label, value in values.items():
        family.add_metric([encodable(part) for part in label], value)
    return family


def _split(gate: str) -> tuple[str, str]:
    """Return the kind of a gate, and its name, if it has one."""
    kind, _, name = gate.partition(" ")
    return kind, name
