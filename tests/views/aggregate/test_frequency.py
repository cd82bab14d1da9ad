from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.errors import UsageError
from weft.model.aggregate import Aggregate, Frequency
from weft.model.outcome import Cancelled, Failed, Outcome, Skipped, Succeeded
from weft.model.reason import CancelAsked, DependencyFailed, Exited
from weft.testing import plan, task
from weft.views.aggregate import FrequencyTable, frequency
from weft.views.aggregate.field import field_reader
from weft.views.aggregate.of_plan import PlanResults


def counts(table: FrequencyTable) -> list[tuple[Any, int]]:
    return [(row.element, row.count) for row in table.rows]


def holding(n_with: int, n_results: int) -> list[list[str]]:
    return [["x"]] * n_with + [[]] * (n_results - n_with)


# The border


@pytest.mark.parametrize(
    ("n_with", "n_results", "threshold", "common"),
    [
        (2, 5, 0.4, True),
        (1, 5, 0.4, False),
        (7, 100, 0.07, True),  # 100 * 0.07 is 7.000000000000001 in floats
        (6, 100, 0.07, False),
        (29, 100, 0.29, True),
        (57, 100, 0.57, True),
        (1, 3, Fraction(1, 3), True),
        (2, 3, Fraction(2, 3), True),
        (3, 3, 1, True),
        (2, 3, 1.0, False),
        (1, 1000, 0, True),
    ],
)
def test_an_element_is_common_from_the_border_on(
    n_with: int, n_results: int, threshold: float | Fraction, common: bool
) -> None:
    table = frequency(holding(n_with, n_results), threshold=threshold)
    assert counts(table) == ([("x", n_with)] if common else [])


@given(st.integers(1, 300), st.integers(0, 1000))
def test_the_border_is_that_of_exact_arithmetic(n_results: int, per_mille: int) -> None:
    least = math.ceil(Fraction(per_mille, 1000) * n_results)
    for n_with in range(max(1, least - 1), min(n_results, least + 1) + 1):
        table = frequency(holding(n_with, n_results), threshold=per_mille / 1000)
        assert bool(table.rows) == (n_with >= least)


@pytest.mark.parametrize("threshold", [-0.01, 1.01, 40, math.nan, math.inf])
def test_a_threshold_is_a_part_of_a_whole(threshold: float) -> None:
    with pytest.raises(UsageError, match="expected 0 to 1"):
        frequency([], threshold=threshold)


# Against the rule, written down once more as naively as can be


def naive(
    results: dict[str, list[str]], threshold: Fraction
) -> list[tuple[str, int, float, tuple[str, ...]]]:
    seen: list[str] = []
    for elements in results.values():
        seen += [element for element in dict.fromkeys(elements) if element not in seen]
    supporters = {x: tuple(task for task, elements in results.items() if x in elements) for x in seen}
    common = [x for x in seen if len(supporters[x]) >= len(results) * threshold]
    common.sort(key=lambda x: (-len(supporters[x]), seen.index(x)))
    return [(x, len(supporters[x]), len(supporters[x]) / len(results), supporters[x]) for x in common]


@given(
    st.dictionaries(st.text(max_size=3), st.lists(st.sampled_from("abcdefg"), max_size=8), max_size=12),
    st.integers(0, 100),
)
def test_the_table_is_that_of_the_naive_rule(results: dict[str, list[str]], percent: int) -> None:
    table = frequency(results, threshold=percent / 100)
    rows = [(row.element, row.count, row.frequency, row.supporters) for row in table.rows]
    assert rows == naive(results, Fraction(percent, 100))
    assert table.n_results == len(results)
    assert table.n_elements == len({element for elements in results.values() for element in elements})


# What counts


def test_an_element_that_one_result_repeats_counts_once() -> None:
    table = frequency({"a": ["x", "x", "x"], "b": ["x"]})
    assert counts(table) == [("x", 2)]
    assert table.rows[0].frequency == 1


def test_tasks_without_a_result_are_told_and_not_counted() -> None:
    outcomes: dict[str, Outcome] = {
        "a": Succeeded(["x"]),
        "b": Failed(Exited(1)),
        "c": Skipped(DependencyFailed("b")),
        "d": Cancelled(CancelAsked()),
        "e": Succeeded([]),
    }
    table = frequency(outcomes, threshold=0.5)
    assert (counts(table), table.n_results, table.n_absent) == ([("x", 1)], 2, 3)


def test_an_exception_in_the_place_of_a_result_is_no_result() -> None:
    table = frequency(["x", ValueError("lost"), "x"])
    assert (counts(table), table.n_results, table.n_absent) == ([("x", 2)], 2, 1)


def test_no_results_make_an_empty_table() -> None:
    assert frequency([]) == FrequencyTable(rows=(), threshold=0.4, n_results=0, n_elements=0)


def test_results_without_a_task_are_supported_by_their_positions() -> None:
    assert frequency(iter(["x", "y", "x"])).rows[0].supporters == (0, 2)


def test_a_position_counts_what_is_absent_as_well() -> None:
    assert frequency([Failed(Exited(1)), Succeeded("x")]).rows[0].supporters == (1,)


def test_the_count_stays_exact_where_supporters_are_limited() -> None:
    (row,) = frequency(["x"] * 5, max_supporters=2).rows
    assert (row.count, row.supporters) == (5, (0, 1))


def test_a_limit_of_supporters_is_not_negative() -> None:
    with pytest.raises(UsageError, match="max_supporters is -1"):
        frequency([], max_supporters=-1)


def test_ties_stand_in_the_order_of_their_first_appearance() -> None:
    table = frequency([["late", "z"], ["a", "z"]], threshold=0)
    assert counts(table) == [("z", 2), ("late", 1), ("a", 1)]


# What an element is


@pytest.mark.parametrize(
    ("result", "elements"),
    [
        ("word", ["word"]),
        ({"a": 1}, [{"a": 1}]),
        (["x", "y"], ["x", "y"]),
        (("x", "y"), ["x", "y"]),
        ([("x", "y")], [("x", "y")]),
        (frozenset("cab"), ["a", "b", "c"]),
        (None, []),
        ([None, "x"], ["x"]),
        ([], []),
        (0, [0]),
    ],
)
def test_a_result_is_one_element_or_a_collection_of_them(result: object, elements: list[object]) -> None:
    assert [row.element for row in frequency([result]).rows] == elements


def test_elements_of_different_types_are_different() -> None:
    assert len(frequency([[1, True, 1.0, "1"]]).rows) == 4


def test_dictionaries_are_the_same_whatever_the_order_of_their_keys() -> None:
    table = frequency([[{"a": 1, "b": [2]}], [{"b": [2], "a": 1}]])
    assert counts(table) == [({"a": 1, "b": [2]}, 2)]


def test_an_element_that_has_no_identity_is_refused_with_its_task() -> None:
    with pytest.raises(UsageError, match="the result of `b` can't be counted: it has no form in JSON"):
        frequency({"a": 1, "b": [[object()]]})


# Fields


@dataclass
class Survey:
    patterns: tuple[str, ...]


@pytest.mark.parametrize(
    ("field", "result"),
    [
        ("patterns", {"patterns": ["x", "y"]}),
        ("patterns", Survey(("x", "y"))),
        ("files[].uses", {"files": [{"uses": "x"}, {"size": 1}, {"uses": "y"}]}),
        ("files[*].uses[]", {"files": ({"uses": {"x"}}, {"uses": ["y", "x"]})}),
        ("keys(@)", {"x": 1, "y": 2}),
    ],
)
def test_a_field_leads_to_the_elements(field: str, result: object) -> None:
    assert [row.element for row in frequency([result], field=field).rows] == ["x", "y"]


@pytest.mark.parametrize("result", [{}, {"patterns": None}, {"patterns": []}, "text", None, 3])
def test_a_result_without_the_field_counts_without_elements(result: object) -> None:
    table = frequency([{"patterns": "x"}, result], field="patterns", threshold=0.5)
    assert (counts(table), table.n_results) == ([("x", 1)], 2)


@pytest.mark.parametrize(
    ("field", "why"),
    [
        ("a[", "it ends too early, at character 3\n  a[\n    ^"),
        ("a..b", "at character 3\n  a..b\n    ^"),
        ("a b", "Unexpected token: b, at character 3"),
        ("#", "Unknown token #, at character 1\n  #\n  ^"),
        ("'abc", "at character 1"),
        ("", "field is empty"),
        (
            "a.lenght(@)",
            "calls `lenght`, which JMESPath does not have, at character 3\n  hint: did you mean `length`?",
        ),
        ("[?frobnicate(a)]", "calls `frobnicate`"),
        ("(" * 10_000, "nested too deeply"),
    ],
)
def test_a_field_that_is_no_jmespath_is_refused_before_any_result(field: str, why: str) -> None:
    with pytest.raises(UsageError) as error:
        field_reader(field)
    assert why in str(error.value)


@pytest.mark.parametrize("field", ["length(@)", "abs(@, @)", "sort(@)", "@[::0]"])
def test_a_field_that_does_not_fit_a_result_names_the_task(field: str) -> None:
    with pytest.raises(UsageError, match="the result of `b` can't be counted: field "):
        frequency({"a": Failed(Exited(1)), "b": [3, "x"] if field != "length(@)" else 3}, field=field)


@pytest.mark.filterwarnings("ignore:deprecated string literal")  # jmespath's, for `a` instead of `"a"`
@given(st.text(alphabet="ab.[]*?@(){}|&!='`\"<>,:0 -", max_size=12))
def test_no_text_as_a_field_brings_anything_but_a_usage_error(field: str) -> None:
    try:
        frequency([{"a": [{"b": 1}]}, [], 3], field=field)
    except UsageError:
        pass


# Shown


TABLE = frequency(
    {
        "module[abc]": ["f-string", "__slots__", "a|b"],
        "b": ["f-string", "`", {"k": 1}],
        "c": Failed(Exited(1)),
        "d": ["f-string", 3],
    },
    threshold=0.3,
)


def test_markdown_is_a_sentence_and_a_table() -> None:
    table = frequency(
        {"module[abc]": ["f-string", "with"], "b": ["f-string"], "c": ["f-string"]}, threshold=0.3
    )
    assert table.to_markdown(max_supporters=1) == (
        "2 of 2 elements stand in at least 30% of 3 results.\n"
        "\n"
        "| element | count | % | supported by |\n"
        "|---|---:|---:|---|\n"
        "| f-string | 3 | 100.0 | `module[abc]`, 2 more |\n"
        "| with | 1 | 33.3 | `module[abc]` |\n"
    )


def test_markdown_without_rows_is_the_sentence() -> None:
    table = frequency({"a": ["x"], "b": Failed(Exited(1))} | dict.fromkeys("cde"), threshold=0.5)
    assert table.to_markdown() == (
        "0 of 1 elements stand in at least 50% of 4 results."
        " 3 results said nothing. 1 more task had no result.\n"
    )


@pytest.mark.parametrize(
    ("element", "cell"),
    [
        ("try/except", "try/except"),
        ("imports os", "imports os"),
        ("__slots__", "`__slots__`"),
        ("a|b", "`a\\|b`"),
        ("`", "`` ` ``"),
        ("two\nlines", '`"two\\nlines"`'),
        ("", "`  `"),
        (3, "3"),
        ({"b": 1, "a": "x|y"}, '`{"a":"x\\|y","b":1}`'),
        ("été", "été"),
    ],
)
def test_markdown_shows_an_element_as_it_is(element: object, cell: str) -> None:
    last = frequency([[element]]).to_markdown().splitlines()[-1]
    assert last == f"| {cell} | 1 | 100.0 | 0 |"


def test_json_holds_the_whole_table() -> None:
    assert json.loads(TABLE.to_json()) == {
        "rows": [
            {"element": "f-string", "count": 3, "frequency": 1.0, "supporters": ["module[abc]", "b", "d"]},
            *(
                {"element": element, "count": 1, "frequency": 1 / 3, "supporters": [task]}
                for element, task in [
                    ("__slots__", "module[abc]"),
                    ("a|b", "module[abc]"),
                    ("`", "b"),
                    ({"k": 1}, "b"),
                    (3, "d"),
                ]
            ),
        ],
        "strategy": "frequency",
        "threshold": 0.3,
        "n_results": 3,
        "n_elements": 6,
        "n_absent": 1,
        "n_left_out": 0,
        "n_abstained": 0,
    }


def test_json_shows_what_it_has_no_form_for_as_text() -> None:
    assert json.loads(frequency([1j]).to_json())["rows"][0]["element"] == "1j"


# The aggregates of a plan

TASKS = (task("s[b]", family="s"), task("other"), task("s[a]", family="s"))


def made(aggregate: Aggregate, make: Callable[[str], Outcome]) -> FrequencyTable:
    table = PlanResults(plan(*TASKS), {task.id: make(task.id) for task in TASKS}, {}).made(aggregate)
    assert isinstance(table, FrequencyTable)
    return table


@pytest.mark.parametrize(
    ("source", "supporters"),
    [
        (("s",), ("s[b]", "s[a]")),
        (("s[a]", "other"), ("other", "s[a]")),
        (("s[a]", "s"), ("s[b]", "s[a]")),
        (("s[*",), ("s[b]", "s[a]")),
        (("?[a]",), ("s[a]",)),
    ],
)
def test_a_source_names_tasks_or_families_and_is_counted_in_plan_order(
    source: tuple[str, ...], supporters: tuple[str, ...]
) -> None:
    table = made(Aggregate(source, Frequency()), lambda _: Succeeded(["x"]))
    assert table.rows[0].supporters == supporters


def test_field_and_threshold_are_those_that_were_declared() -> None:
    half = made(Aggregate(("s",), Frequency(0.5), "id"), lambda id: Succeeded({"id": id}))
    whole = made(Aggregate(("s",), Frequency(1.0), "id"), lambda id: Succeeded({"id": id}))
    assert (len(half.rows), len(whole.rows)) == (2, 0)


def test_a_result_that_can_not_be_counted_is_named() -> None:
    with pytest.raises(UsageError, match=r"the result of `s\[b\]` can't be counted: field `length\(@\)`: "):
        made(Aggregate(("s",), Frequency(), "length(@)"), lambda _: Succeeded(3))
