from __future__ import annotations

import json
import math

import pytest

from weft.errors import TooFewResults, UsageError
from weft.model.outcome import Failed, Skipped, Succeeded
from weft.model.reason import Decided, Exited
from weft.views.aggregate import majority, quorum, weighted


def test_half_of_the_votes_is_no_majority() -> None:
    assert majority(["a", "a", "b", "c"]).verdict.value == "short"
    assert majority(["a", "a", "a", "b", "c"]).winner == "a"


def test_a_tie_names_all_that_lead() -> None:
    vote = majority(["a", "b", "b", "a", "c"])
    assert (vote.verdict.value, vote.winner, vote.tied) == ("tie", None, ("a", "b"))


def test_who_is_absent_or_abstains_is_told_and_does_not_count_as_a_no() -> None:
    left_out = Skipped(Decided("vote", won=True, votes=2, voters=6))
    vote = majority([Succeeded("a"), "a", None, Failed(Exited(1)), left_out, ValueError("lost"), "b"])
    assert (vote.winner, vote.n_votes, vote.n_results) == ("a", 3, 4)
    assert (vote.n_abstained, vote.n_absent, vote.n_left_out) == (1, 2, 1)


def test_a_list_is_one_answer() -> None:
    assert majority([["a", "b"], ["a", "b"], ["a"]]).winner == ["a", "b"]


def test_an_empty_list_is_an_answer() -> None:
    assert majority([[], [], None]).winner == []


def test_answers_are_the_same_by_their_key() -> None:
    answers = ["Blue", "blue ", "red"]
    assert majority(answers, key=lambda answer: answer.strip().lower()).winner == "Blue"
    named = [{"id": 1, "at": 5}, {"id": 1, "at": 6}, {"id": 2}]
    assert majority(named, key="id").winner == {"id": 1, "at": 5}


def test_what_has_no_key_is_compared_as_a_whole() -> None:
    vote = majority([{"x": 1}, {"x": 2}, {"x": 1}], key="id")
    assert vote.winner == {"x": 1}


def test_a_quorum_may_be_a_share_of_the_votes_that_were_cast() -> None:
    votes = ["a", "a", "b", None, Failed(Exited(1))]
    assert quorum(votes, 0.6).winner == "a"
    assert quorum(votes, 0.7).required == 3


@pytest.mark.parametrize("least", [0, -1, 0.0, 1.5, math.nan, True])
def test_a_quorum_is_a_number_of_votes_or_a_share(least: float) -> None:
    with pytest.raises(UsageError, match=r"expected a whole number, 1 or more, or a share up to 1\.0"):
        quorum(["a"], least)


def test_weights_come_from_a_mapping_a_field_or_a_function() -> None:
    votes = {"a": {"says": "x", "sure": 1}, "b": {"says": "y", "sure": 3}, "c": {"says": "x", "sure": 1}}
    assert weighted(votes, {"b": 2.5}, field="says").winner == "y"
    assert weighted(votes, "sure", field="says").winner == "y"
    assert weighted(votes, lambda result: 4 - result["sure"], field="says").winner == "x"


def test_weights_that_are_level_in_tenths_are_a_tie() -> None:
    assert weighted(["x", "x", "y"], lambda vote: {"x": 0.1, "y": 0.2}[vote]).tied == ("x", "y")
    weights = {"a": 0.1, "b": 0.2, "c": 0.3}  # in floats, the first two are more than the third
    assert weighted({"a": "x", "b": "x", "c": "y"}, weights).verdict.value == "tie"


def test_who_tells_no_weight_abstains() -> None:
    vote = weighted([{"says": "x"}, {"says": "y", "sure": 1}], "sure", field="says")
    assert (vote.winner, vote.n_abstained) == ("y", 1)


@pytest.mark.parametrize("weight", [-1, math.inf, math.nan, "much", True])
def test_a_weight_is_a_number(weight: object) -> None:
    with pytest.raises(UsageError, match=r"the result of number 0 can't be counted: the weight .* 0 or more"):
        weighted(["x"], lambda _: weight)  # type: ignore[arg-type, return-value]  # that is the question


@pytest.mark.parametrize(("required", "enough"), [(2, True), (3, False), (0.5, True), (0.6, False)])
def test_so_many_results_are_required(required: float, enough: bool) -> None:
    votes = ["a", None, Failed(Exited(1)), Failed(Exited(1))]
    if enough:
        assert majority(votes, min_required=required).winner == "a"
    else:
        with pytest.raises(TooFewResults, match="2 of 4 tasks have a result, and 3 must"):
            majority(votes, min_required=required)


@pytest.mark.parametrize("required", [0, -2, 0.0, 1.1, math.nan])
def test_a_number_that_is_required_makes_sense(required: float) -> None:
    with pytest.raises(UsageError, match=f"min_required is {required}"):
        majority(["a"], min_required=required)


def test_a_field_that_does_not_fit_names_the_task() -> None:
    with pytest.raises(UsageError, match="the result of `b` can't be counted: field "):
        majority({"a": "x", "b": 3}, field="length(@)")


@pytest.mark.parametrize(
    ("votes", "sentence"),
    [
        (["a", "a", "b"], "a has the majority: 2 of 3 votes."),
        (["a", "a", "b", "c"], "a leads without a majority: 2 of 4 votes."),
        (["a", "b"], "A tie of a, b: 1 of 2 votes each."),
        ([None, None], "Nobody has voted. 2 results said nothing."),
    ],
)
def test_markdown_begins_with_the_verdict(votes: list[str | None], sentence: str) -> None:
    assert majority(votes).to_markdown().splitlines()[0] == sentence


def test_markdown_tells_weights() -> None:
    assert weighted({"a": "x|y", "b": "z"}, {"a": 1.5}).to_markdown() == (
        "`x\\|y` weighs most: 1.5 of 2.5.\n"
        "\n"
        "| answer | votes | weight | % | supported by |\n"
        "|---|---:|---:|---:|---|\n"
        "| `x\\|y` | 1 | 1.5 | 60.0 | a |\n"
        "| z | 1 | 1 | 40.0 | b |\n"
    )


def test_markdown_of_a_quorum_tells_what_is_required() -> None:
    assert quorum(["a", "b", "a"], 3).to_markdown().startswith("a leads without a quorum: 2 of 3 votes, 3 re")


def test_json_tells_the_strategy_and_the_verdict() -> None:
    told = json.loads(majority(["a", "a"]).to_json())
    assert (told["strategy"], told["verdict"], told["winner"]) == ("majority", "won", "a")
    assert told["rows"] == [{"answer": "a", "votes": 2, "share": 1.0, "supporters": [0, 1], "weight": None}]
