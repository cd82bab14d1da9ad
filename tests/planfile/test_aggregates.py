"""`aggregates` in plan files: what becomes of them, and their mistakes with file and line."""

from __future__ import annotations

import pytest

from weft.errors import PlanError, Problem
from weft.model.aggregate import (
    Aggregate,
    Concat,
    Frequency,
    Intersection,
    Majority,
    MergeFiles,
    Ordered,
    Quorum,
    Reduce,
    Strategy,
    Union,
    Weighted,
)
from weft.model.work import Command, ResultFormat
from weft.planfile import loads
from weft.planfile.keys import KEYS_OF

TASKS = """\
env: {LANG: C}
tasks:
  vote: {each: {n: [1, 2, 3]}, run: "./vote {n}", result: json}
  quiet: ./quiet
"""


def aggregate(text: str) -> Aggregate:
    return loads(f"{TASKS}aggregates: {{x: {{from: vote, {text}}}}}").aggregates["x"]


def problems_of(text: str) -> list[Problem]:
    with pytest.raises(PlanError) as refused:
        loads(f"{TASKS}aggregates:\n  x:\n    from: vote\n{text}", name="weft.yaml")
    return list(refused.value.problems)


def problem_of(text: str) -> str:
    (problem,) = problems_of(text)
    return str(problem)


@pytest.mark.parametrize(
    ("text", "strategy"),
    [
        ("strategy: ordered", Ordered()),
        ("strategy: Concat", Concat()),
        ("strategy: union", Union()),
        ("strategy: intersection", Intersection()),
        ("strategy: frequency", Frequency(0.4)),
        ("strategy: frequency, threshold: 0%", Frequency(0.0)),
        ("strategy: majority", Majority()),
        ("strategy: quorum, quorum: 2", Quorum(2)),
        ("strategy: quorum, quorum: 60%", Quorum(0.6)),
        ("strategy: weighted, weights: confidence", Weighted("confidence")),
        ("strategy: weighted, weights: {vote: 2, 'vote[1]': 0}", Weighted({"vote": 2.0, "vote[1]": 0.0})),
        ("strategy: reduce, run: jq add", Reduce(Command("jq add", {"LANG": "C"}, result=ResultFormat.JSON))),
        ("strategy: merge-files, to: all.md", MergeFiles("all.md")),
        (
            "strategy: merge-files, to: a, files: '{task}.md', header: ''",
            MergeFiles("a", ("{task}.md",), ""),
        ),
    ],
)
def test_each_strategy_is_read_with_its_own_keys(text: str, strategy: Strategy) -> None:
    assert aggregate(text).strategy == strategy


def test_what_strategies_share_is_read() -> None:
    keys = "field: a.b, key: id, min_required: 50%, max_supporters: 0, stop_when_decided: true"
    assert aggregate(f"strategy: majority, {keys}") == Aggregate(
        ("vote",), Majority(), "a.b", "id", 0.5, 0, True
    )


def test_a_pattern_stands_for_the_tasks_whose_ids_match() -> None:
    assert loads(f"{TASKS}aggregates: {{x: {{from: 'v*[?]', strategy: union}}}}").aggregates


NEEDED = {"quorum": "quorum: 1", "weighted": "weights: w", "reduce": "run: x", "merge-files": "to: x"}
VALUES = {
    "field": "a",
    "key": "a",
    "threshold": "1",
    "quorum": "1",
    "weights": "a",
    "run": "a",
    "files": "a",
    "to": "a",
    "header": "a",
    "max_supporters": "1",
    "stop_when_decided": "true",
}


@pytest.mark.parametrize("strategy", KEYS_OF)
@pytest.mark.parametrize("key", VALUES)
def test_a_key_that_the_strategy_has_no_use_for_is_a_mistake_on_its_line(strategy: str, key: str) -> None:
    needed = NEEDED.get(strategy, "min_required: 1")
    text = f"    strategy: {strategy}\n"
    text += "" if needed.startswith(f"{key}:") else f"    {needed}\n"
    text += f"    {key}: {VALUES[key]}\n"
    if key in KEYS_OF[strategy]:
        assert loads(f"{TASKS}aggregates:\n  x:\n    from: vote\n{text}").aggregates
        return
    (problem,) = problems_of(text)
    assert str(problem).startswith(f"weft.yaml:10: `{key}` of aggregate `x` has no effect: it is for `")
    assert problem.hint == f"the strategy here is `{strategy}`"


@pytest.mark.parametrize(("strategy", "key"), [(name, text.split(":")[0]) for name, text in NEEDED.items()])
def test_a_key_that_the_strategy_can_not_do_without_is_missed(strategy: str, key: str) -> None:
    told = problem_of(f"    strategy: {strategy}\n")
    assert f"weft.yaml:6: aggregate `x` has no `{key}`, which the strategy `{strategy}` needs" in told
    assert f"hint: `{key}:` " in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("strategy: majorty", "did you mean `majority`?"),
        (
            "strategy: quorum\n    quorum: 150%",
            "`quorum` of aggregate `x` is the string `150%`; expected a whole",
        ),
        ("strategy: quorum\n    quorum: 4", "is 4; expected no more than its tasks, of which there are 3"),
        ("strategy: union\n    min_required: 4", "a share of them is written `4%`"),
        ("strategy: union\n    min_required: 0", "`min_required` of aggregate `x` is `0`; expected a whole"),
        ("strategy: union\n    key: 'a['", "`key` of aggregate `x` `a[` is no JMESPath: it ends too early"),
        ("strategy: union\n    max_supporters: -1", "expected a whole number, 0 or more"),
        ("strategy: weighted\n    weights: {vote: -1}", "expected a number, 0 or more"),
        ("strategy: weighted\n    weights: {vot: 1}", "aggregate `x` weighs `vot`, which is not in the plan"),
        ("strategy: weighted\n    weights: [1]", "`weights` of aggregate `x` is a list; expected"),
        ("strategy: reduce\n    run: ''", "`run` of aggregate `x` is an empty string"),
        ("strategy: majority\n    stop_when_decided: maybe", "expected true or false"),
    ],
)
def test_a_value_that_makes_no_sense_is_told_with_its_line(text: str, told: str) -> None:
    problem = problem_of(f"    {text}\n")
    assert told in problem
    assert problem.startswith(f"weft.yaml:{8 + text.count(chr(10))}: ")


def test_a_pattern_that_matches_nothing_is_told() -> None:
    with pytest.raises(
        PlanError, match=r"weft.yaml:5: aggregate `x` is made from `w\*`, which matches no task"
    ):
        loads(f"{TASKS}aggregates: {{x: {{from: 'w*', strategy: union}}}}", name="weft.yaml")


def test_what_has_no_result_can_be_merged_and_nothing_else() -> None:
    text = f"{TASKS}aggregates: {{x: {{from: quiet, strategy: merge-files, to: all}}}}"
    assert loads(text).aggregates
    with pytest.raises(PlanError, match="made from `quiet`, which has no result"):
        loads(text.replace("merge-files, to: all", "union"))


def test_two_aggregates_do_not_write_the_same_file() -> None:
    one = "{from: quiet, strategy: merge-files, to: all}"
    with pytest.raises(PlanError, match="aggregates `x` and `y` both write `all`"):
        loads(f"{TASKS}aggregates: {{x: {one}, y: {one}}}")


@pytest.mark.parametrize(
    ("more", "why"),
    [("needs: vote", "it needs `vote[1]`"), ("reads: out", "it reads `out`, which `vote[1]` writes")],
)
def test_a_task_that_needs_a_voter_which_may_be_left_out_is_a_mistake(more: str, why: str) -> None:
    with pytest.raises(PlanError) as refused:
        loads(
            "tasks:\n"
            "  vote: {each: {n: [1, 2]}, run: ./vote, result: json, writes: out}\n"
            f"  show: {{run: ./show, {more}}}\n"
            "aggregates:\n"
            "  x: {from: vote, strategy: majority, stop_when_decided: true}\n",
            name="weft.yaml",
        )
    (problem,) = refused.value.problems
    assert str(problem).startswith("weft.yaml:5: aggregate `x` may leave out `vote[")
    assert "`show` can't do without" in problem.message
    assert why.partition("[")[0] in problem.message
    assert problem.hint == "put the voters into a group, and let `show` need the group"


def test_a_task_may_need_the_group_of_the_voters() -> None:
    assert loads(
        "groups: {jury: {}}\n"
        "tasks:\n"
        "  vote: {each: {n: [1, 2]}, run: ./vote, result: json, group: jury}\n"
        "  show: {run: ./show, needs: jury}\n"
        "aggregates: {x: {from: vote, strategy: majority, stop_when_decided: true}}\n"
    ).aggregates


def test_numbers_are_not_held_against_tasks_that_could_not_be_read() -> None:
    with pytest.raises(PlanError) as refused:
        loads(
            "tasks: {vote: {each: {n: 'no/*'}, run: x, result: json}}\n"
            "aggregates: {x: {from: vote, strategy: quorum, quorum: 3, min_required: 2}}\n"
        )
    assert [problem.path for problem in refused.value.problems] == [("tasks", "vote", "each", "n")]
