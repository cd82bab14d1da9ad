from __future__ import annotations

import json

import pytest

from weft.errors import TooFewResults, UsageError
from weft.model.outcome import Failed
from weft.model.reason import Exited
from weft.views.aggregate import concat, intersection, merge_texts, ordered, reduce, union
from weft.views.aggregate.texts import Part, parts_of


def test_a_list_tells_whose_each_value_is() -> None:
    assert ordered({"b": [1], "a": None, "c": "x|y"}).to_markdown() == (
        "2 results, in order. 1 result said nothing.\n"
        "\n"
        "| task | result |\n"
        "|---|---|\n"
        "| b | `[1]` |\n"
        "| c | `x\\|y` |\n"
    )
    assert json.loads(concat({"b": [1, 2]}).to_json())["rows"] == [
        {"value": 1, "supporter": "b"},
        {"value": 2, "supporter": "b"},
    ]


def test_sets_become_one_by_the_key_of_their_elements() -> None:
    results = [["Ada", "bob"], ["BOB", "ada", "eve"]]
    assert [row.element for row in union(results, key=str.lower).rows] == ["Ada", "bob", "eve"]
    assert [row.element for row in intersection(results, key=str.lower).rows] == ["Ada", "bob"]


def test_a_result_with_nothing_in_it_leaves_nothing_in_common() -> None:
    assert intersection([["a"], []]).rows == ()


def test_markdown_of_sets_is_a_sentence_and_a_table() -> None:
    results = {"a": ["x"], "b": ["x", "y"], "c": Failed(Exited(1))}
    assert union(results).to_markdown().splitlines()[0] == (
        "2 different elements stand in 2 results. 1 more task had no result."
    )
    assert intersection(results).to_markdown() == (
        "1 of 2 elements stand in all of 2 results. 1 more task had no result.\n"
        "\n"
        "| element | count | % | supported by |\n"
        "|---|---:|---:|---|\n"
        "| x | 2 | 100.0 | a, b |\n"
    )


def test_nothing_can_not_be_reduced_without_a_beginning() -> None:
    with pytest.raises(UsageError, match="give an `initial`"):
        reduce([Failed(Exited(1))], max)
    assert reduce([], max, 5).value == 5


def test_a_reduction_is_shown_as_code() -> None:
    assert reduce([{"a": 1}, 2], lambda made, _: made).to_markdown() == 'Made of 2 results.\n\n    {"a":1}\n'


def test_too_few_results_are_not_reduced() -> None:
    with pytest.raises(TooFewResults):
        reduce([1, Failed(Exited(1))], max, min_required=2)


def test_texts_may_have_no_header_and_need_not_be_texts() -> None:
    assert merge_texts(["a\n", {"b": 1}], header="").text == 'a\n{"b":1}\n'


def test_each_file_is_merged_once_and_the_output_never() -> None:
    found = [("a", ["x", "out", "y"]), ("b", ["y", "z"])]
    assert list(parts_of(found, "out")) == [Part("a", "x"), Part("a", "y"), Part("b", "z")]
