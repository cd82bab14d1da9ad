"""What is recommended for a plan: for people as a page with patches, for programs as JSON.

Knows how each scenario is told; which of them a plan is, is decided in `planning.recommend`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from weft.planning.patterns import NOWHERE, Ground
from weft.planning.prepare import PreparedPlan
from weft.planning.recommend.evidence import Evidence
from weft.planning.recommend.recommendation import Recommendation, Scenario, Sure, together
from weft.planning.recommend.table import recommend
from weft.views.evidence import evidence_sentence
from weft.views.page import MOST_ITEMS, Page, count, item, wrapped
from weft.views.patch import Form, toml_lines, yaml_lines


class _Told(NamedTuple):
    scenario: str
    pattern: str
    effect: str


_TOLD = {
    Scenario.INDEPENDENT: _Told(
        "Independent tasks",
        "concurrency pool",
        "No more than 5 tasks run at once, whoever runs the plan; `-j` overrides it.",
    ),
    Scenario.MIXED: _Told(
        "Mixed workloads",
        "priority queue",
        "High starts before normal, normal before low, where slots are short. Results stay the same. The run "
        "as a whole may take longer where long tasks start late.",
    ),
    Scenario.DEPENDENT: _Told(
        "Dependent tasks",
        "dependency graph",
        "The later one starts when the earlier one has succeeded, and is skipped when it has failed.",
    ),
    Scenario.SHARED: _Told(
        "Shared resources",
        "partitioning",
        "Each works in a directory of its own, empty or a copy; what it has written is brought back when "
        "it has ended, in plan order, and only if it has succeeded. Without `merge`, a file that others have "
        "changed meanwhile fails the task, and both versions are kept. `merge: union` joins whole lines; one "
        "that several have added stands there once.",
    ),
    Scenario.API: _Told(
        "API-constrained",
        "rate limiting",
        "No span of time sees more starts than the rate. What the API allows is not in the plan: look it "
        "up, and put it in.",
    ),
    Scenario.TOLERANT: _Told(
        "Failure-tolerant",
        "partial aggregation",
        "The run is degraded (exit code 3) and not failed as long as so many of the tasks succeed; what "
        "needs them starts then, too. As soon as that is out of reach, the rest is not started.",
    ),
    Scenario.TRANSIENT: _Told(
        "Transient failures",
        "retry with backoff",
        "A failed attempt is followed by the whole command again, after 2 and 4 seconds; a task that fails "
        "for good takes that much longer to do so.",
    ),
}


class Recommendations(Page, frozen=True):
    """What is recommended for a plan.

    ``recommended`` have a patch of the plan, or leave something to the user; ``configured`` are scenarios
    for which nothing is missing. ``patch`` is all patches in one: what is to stand in the plan file.
    """

    n_tasks: int
    recommended: tuple[Recommendation, ...]
    configured: tuple[Recommendation, ...]
    patch: Mapping[str, object]
    form: Form = Form.YAML

    def lines(self) -> Iterator[str]:
        """Return the page line by line."""
        n_patches = sum(1 for each in self.recommended if each.patch)
        said = count(n_patches, "recommendation") if n_patches else "nothing to recommend"
        yield f"{count(self.n_tasks, 'task')}: {said}"
        for each in self.recommended:
            yield ""
            yield from self._one(each)
        if self.configured:
            yield from ("", "As recommended already:")
            for each in self.configured:
                told = _TOLD[each.scenario]
                because = "; ".join(evidence_sentence(evidence) for evidence in each.evidence)
                yield from item(f"{told.scenario}, {told.pattern}: {because}")

    def _one(self, each: Recommendation) -> Iterator[str]:
        told = _TOLD[each.scenario]
        sure = "" if each.sure is Sure.CERTAIN else f" ({each.sure})"
        yield f"{told.scenario}: {told.pattern}{sure}"
        yield from _items(each.evidence)
        if each.patch:
            yield from wrapped(told.effect, "  ")
            yield ""
            write = toml_lines if self.form is Form.TOML else yaml_lines
            yield from (f"      {line}" for line in write(each.patch))
        if each.left:
            yield from ("", "  Left to you:") if each.evidence else ("  Left to you:",)
            yield from _items(each.left)


def _items(told: Sequence[Evidence]) -> Iterator[str]:
    for evidence in told[:MOST_ITEMS]:
        yield from item(evidence_sentence(evidence))
    if len(told) > MOST_ITEMS:
        yield from item(f"and {len(told) - MOST_ITEMS:,} more")


def recommendations(
    prepared: PreparedPlan,
    max_concurrent: int,
    ground: Ground = NOWHERE,
    only: Collection[Scenario] = (),
    form: Form = Form.YAML,
) -> Recommendations:
    """Return what is recommended for a plan.

    Args:
        prepared: the plan.
        max_concurrent: how many tasks would run at once.
        ground: what the plan was prepared with.
        only: the scenarios that are looked at; nothing here means all.
        form: how patches are shown.
    """
    found = [
        each for each in recommend(prepared, max_concurrent, ground) if not only or each.scenario in only
    ]
    open_ones = tuple(each for each in found if each.patch or each.left)
    return Recommendations(
        sum(not prepared_task.task.brings_back for prepared_task in prepared.tasks),
        open_ones,
        tuple(each for each in found if each not in open_ones),
        together([each.patch for each in open_ones]),
        form,
    )
