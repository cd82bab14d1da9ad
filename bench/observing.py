"""(i) What does it cost to look on? A run of coroutines that do nothing, with and without those who watch.

What is looked at is kept while the run goes on; the numbers are worked out when somebody asks for them. What
that takes is measured by itself.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from contextvars import copy_context
from functools import partial

from _side_by_side import Goal, Size, Table, medians, size_from_command_line, wall_s
from msgspec.structs import replace

from weft.api.sync import run_until_done
from weft.live.choose import open_display
from weft.live.kinds import DisplayKind
from weft.live.prometheus import PrometheusMetrics
from weft.model.plan import Plan
from weft.model.task import Task
from weft.model.work import Call, Where
from weft.planning.prepare import PreparedPlan, prepare
from weft.runtime.engine import Engine
from weft.runtime.expected import expecting
from weft.runtime.links import prepare_on_disk
from weft.runtime.run import run_plan
from weft.runtime.watch import Display
from weft.scheduling.facts import Fact
from weft.views.metrics import metrics_of
from weft.views.timeline import timeline_of

AT_ONCE = 100


async def no_op() -> None:
    """Do nothing."""


def prepared(count: int) -> PreparedPlan:
    """Return a plan of so many coroutines that do nothing."""
    tasks = tuple(Task(f"n{number}", Call(no_op, where=Where.LOOP)) for number in range(count))
    return prepare(Plan(tasks, max_concurrent=AT_ONCE))


class Contest:
    """Runs one plan, with those who look on or nobody; journals have folders of their own in ``scratch``."""

    def __init__(self, plan: PreparedPlan, scratch: str) -> None:
        self._plan, self._scratch = plan, scratch
        self.facts: Sequence[Fact] = ()

    def alone(self) -> None:
        """Run it with nobody to hear of it."""

        async def run() -> None:
            async with Engine(AT_ONCE) as engine:
                engine.submit_prepared(self._plan.tasks, copy_context())

        run_until_done("", run)

    def with_report(self, follow: Callable[[Engine], None] | None = None) -> None:
        """Run it, and keep what metrics and timeline are made of."""
        report = run_until_done("", lambda: run_plan(self._plan, follow=follow))
        assert len(report.outcomes) == len(self._plan.plan.tasks)
        self.facts = report.chronicle.facts

    def with_prometheus(self) -> None:
        """Run it with metrics that Prometheus could ask for."""
        metrics = PrometheusMetrics()
        self.with_report(lambda engine: engine.listen(metrics.show))

    def with_subscriber(self) -> None:
        """Run it with a subscriber, which takes every fact."""

        def follow(engine: Engine) -> None:
            engine.subscribe(lambda fact: None)

        self.with_report(follow)

    def with_nothing(self) -> None:
        """Run it as `weft.run` does: from a plan that nothing is known of to a report."""
        plan = prepare_on_disk(self._plan.plan)
        run_until_done("", lambda: run_plan(plan))

    def with_all(self) -> None:
        """Do the same with metrics for Prometheus, recorded in a journal, and drawn on a terminal."""
        metrics, root = PrometheusMetrics(), tempfile.mkdtemp(dir=self._scratch)
        with open(os.devnull, "w", encoding="utf-8") as nowhere:

            def watch(engine: Engine) -> Display:
                return open_display(DisplayKind.TTY, stdout=nowhere, stderr=nowhere, queues=engine.queues)

            def follow(engine: Engine) -> None:
                engine.listen(metrics.show)

            plan = prepare_on_disk(expecting(replace(self._plan.plan, root=root)))
            run_until_done("", lambda: run_plan(plan, watch=watch, follow=follow, journal=True))


def main() -> None:
    """Measure and print."""
    size = size_from_command_line(__doc__ or "")
    with tempfile.TemporaryDirectory() as scratch:
        measure(size, scratch)


def measure(size: Size, scratch: str) -> None:
    """Measure and print, with journals in ``scratch``."""
    count = size.of(100_000, 200)
    contest = Contest(prepared(count), scratch)
    alone = "an engine, nobody looks on"
    contenders = {
        alone: partial(wall_s, contest.alone),
        "with its report, of which metrics can be made": partial(wall_s, contest.with_report),
        "and metrics for Prometheus": partial(wall_s, contest.with_prometheus),
        "and a subscriber in a thread of its own": partial(wall_s, contest.with_subscriber),
    }
    nothing, everything = "weft.run(plan), nobody looks on", "with metrics, the journal and a live display"
    whole = {
        nothing: partial(wall_s, contest.with_nothing),
        everything: partial(wall_s, contest.with_all),
    }
    table = Table(f"A run of {count:,} coroutines that do nothing, and who looks on")
    table.section("while it goes on")
    goals = {name: Goal("<=", 1.5) for name in contenders if name != alone}
    table.against(alone, medians(contenders, size.rounds), goals)
    table.section("from the plan to the report")
    table.against(nothing, medians(whole, size.rounds), {everything: Goal("<=", 1.5)})
    table.section("when somebody asks")
    made = {
        "metrics": partial(wall_s, lambda: metrics_of(contest.facts)),
        "a timeline": partial(wall_s, lambda: timeline_of(contest.facts)),
    }
    for name, seconds in medians(made, size.rounds).items():
        table.line(name, f"{seconds / count * 1e6:.1f} us a task")


if __name__ == "__main__":
    main()
