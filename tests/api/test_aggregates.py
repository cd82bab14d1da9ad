"""Aggregates of plans written in Python: those of plan files, and their mistakes are told at once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import weft
from weft import aggregate
from weft.errors import PlanError, UsageError
from weft.model.aggregate import Strategy
from weft.model.outcome import Skipped
from weft.model.reason import Decided
from weft.model.work import ResultFormat
from weft.planfile import loads
from weft.planfile.keys import KEYS_OF

PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text(encoding="utf-8")
ABOUT = PAGE.partition("## `weft.aggregate`")[2].partition("\n## ")[0]


def vote(answer: str) -> str:
    return answer


def voting(declared: aggregate.Aggregate, *answers: str, **plan: Any) -> weft.Plan:
    """Return a plan of one vote for each of ``answers``, one after the other."""
    voters = weft.Plan(max_concurrent=1, aggregates={"x": declared}, **plan)
    for answer in answers:
        voters.add(vote, answer)
    return voters


# Each strategy, as a plan file and as Python say it
SAME: dict[str, tuple[str, Strategy]] = {
    "ordered": ("field: a", aggregate.Ordered()),
    "concat": ("field: a", aggregate.Concat()),
    "union": ("field: a", aggregate.Union()),
    "intersection": ("field: a", aggregate.Intersection()),
    "frequency": ("field: a, threshold: 50%", aggregate.Frequency(0.5)),
    "majority": ("field: a", aggregate.Majority()),
    "quorum": ("field: a, quorum: 2", aggregate.Quorum(2)),
    "weighted": ("field: a, weights: {t: 2}", aggregate.Weighted({"t": 2})),
    "reduce": ("field: a, run: cat", aggregate.Reduce(weft.Command("cat"))),
    "merge-files": ("to: all, files: '*.md'", aggregate.MergeFiles("all", "*.md")),  # type: ignore[arg-type]  # one is as good as a list
}


@pytest.mark.parametrize("word", KEYS_OF)
def test_each_strategy_is_the_one_of_plan_files(word: str) -> None:
    keys, strategy = SAME[word]
    tasks = "tasks: {t: {each: {n: [1, 2]}, run: x, result: json}}"
    read = loads(f"{tasks}\naggregates: {{x: {{from: t, strategy: {word}, {keys}}}}}").aggregates
    field = None if word == "merge-files" else "a"
    plan = weft.Plan(aggregates={"x": aggregate.Aggregate("t", strategy, field)})  # type: ignore[arg-type]  # likewise
    assert plan.frozen().aggregates == read


def test_the_page_about_python_tells_each_strategy_and_argument() -> None:
    values = [strategy.__name__ for strategy in Strategy.__args__]
    assert [name for name in values if f"`{name}" not in ABOUT] == []
    table = ABOUT.partition("| argument of `weft.aggregate.Aggregate` |")[2].partition("\n\n")[0]
    told = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert told == [*aggregate.Aggregate.__struct_fields__]


def test_a_run_makes_them_of_what_functions_return() -> None:
    report = weft.run(voting(aggregate.Aggregate(("vote*",), aggregate.Majority()), "red", "blue", "blue"))
    made = report.aggregates["x"]
    assert isinstance(made, aggregate.MajorityVote)
    assert (made.winner, made.n_votes) == ("blue", 3)


def test_voters_that_change_nothing_are_left_out() -> None:
    first_two = aggregate.Aggregate(("vote*",), aggregate.Majority(), stop_when_decided=True)
    report = weft.run(voting(first_two, "red", "red", "blue"))
    assert report.outcomes["vote[3]"] == Skipped(Decided("x", won=True, votes=2, voters=3))
    assert report.state.value == "succeeded"


def test_a_command_reduces_what_functions_return(tmp_path: Path) -> None:
    reduced = aggregate.Aggregate(("vote*",), aggregate.Reduce(weft.Command(("cat",))))
    made = weft.run(voting(reduced, "red", "blue", root=tmp_path)).aggregates["x"]
    assert isinstance(made, aggregate.Reduction)
    assert made.value == ["red", "blue"]


def test_what_plan_recommends_goes_by_them() -> None:
    told = voting(aggregate.Aggregate(("vote*",), aggregate.Majority()), "a", "b", "c").recommend()
    assert "tolerant" in {each.scenario.value for each in told.recommended}


MISTAKES: list[tuple[Any, str]] = [
    ("majority", "aggregate `x` is 'majority'; expected a weft.aggregate.Aggregate"),
    (aggregate.Aggregate(("v",), "majority"), "aggregate `x`: `strategy` is 'majority'; expected a value"),  # type: ignore[arg-type]  # the mistake
    (aggregate.Aggregate(("v",), aggregate.Majority), "aggregate `x`: `strategy` is <class"),  # type: ignore[arg-type]  # the mistake
    (aggregate.Aggregate(("v",), aggregate.Union(), field="a."), "aggregate `x`: field `a.` is no JMESPath"),
    (aggregate.Aggregate(("v",), aggregate.Union(), key="["), "aggregate `x`: key `[` is no JMESPath"),
    (aggregate.Aggregate(("v",), aggregate.Weighted("a b")), "aggregate `x`: weights `a b` is no JMESPath"),
    (
        aggregate.Aggregate(("v",), aggregate.Reduce(vote)),  # type: ignore[arg-type]  # the mistake
        "aggregate `x`: a weft.Command reduces, found <function",
    ),
    (aggregate.Aggregate(("v",), aggregate.MergeFiles("")), "aggregate `x`: `to` is empty"),
    (
        aggregate.Aggregate(("v",), aggregate.Reduce(weft.Command("cat", result=ResultFormat.LINES))),
        "aggregate `x`: what a command reduces to is JSON",
    ),
]


@pytest.mark.parametrize(("declared", "told"), MISTAKES)
def test_what_is_no_aggregate_is_refused_at_once(declared: Any, told: str) -> None:
    with pytest.raises(UsageError) as refused:
        weft.Plan(aggregates={"x": declared})
    assert str(refused.value).startswith(told)


WITHOUT_EFFECT: list[tuple[aggregate.Aggregate, str]] = [
    (aggregate.Aggregate(("vote",), aggregate.Concat(), key="a"), "`key` of aggregate `x` has no effect"),
    (
        aggregate.Aggregate(("vote",), aggregate.Ordered(), max_supporters=3),
        "`max_supporters` of aggregate `x` has no effect: nothing is counted",
    ),
    (
        aggregate.Aggregate(("vote",), aggregate.MergeFiles("all"), field="a"),
        "`field` of aggregate `x` has no effect: texts are taken as they are",
    ),
    (
        aggregate.Aggregate(("vote",), aggregate.Union(), stop_when_decided=True),
        "`stop_when_decided` of aggregate `x` is for votes",
    ),
    (aggregate.Aggregate(("vode",), aggregate.Union()), "did you mean `vote`?"),
]


@pytest.mark.parametrize(("declared", "told"), WITHOUT_EFFECT)
def test_what_does_not_fit_the_plan_is_told_before_anything_runs(
    declared: aggregate.Aggregate, told: str
) -> None:
    with pytest.raises(PlanError) as refused:
        weft.run(voting(declared, "a"))
    assert told in str(refused.value)
