"""Each strategy against its rule, written down once more as naively as can be."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.model.outcome import Failed, Outcome, Skipped, Succeeded
from weft.model.reason import Decided, Exited
from weft.views.aggregate import (
    AnswerRow,
    ConcatList,
    ElementRow,
    FrequencyTable,
    IntersectionTable,
    OrderedList,
    UnionTable,
    Verdict,
    concat,
    frequency,
    intersection,
    majority,
    merge_texts,
    ordered,
    quorum,
    reduce,
    union,
    weighted,
)
from weft.views.aggregate.attendance import Made

ATOMS = st.one_of(
    st.sampled_from(["a", "b", "c", "", "1"]), st.integers(0, 2), st.booleans(), st.just(1.0), st.none()
)
ELEMENTS = st.one_of(ATOMS, st.lists(ATOMS, max_size=2), st.dictionaries(st.sampled_from("xy"), ATOMS))
TEXTS = st.sampled_from([f"word {number}" for number in range(8)])
# What most results are, which is counted another way than the rest.
RESULTS = st.one_of(st.lists(TEXTS, max_size=6), st.lists(ELEMENTS, max_size=4), ELEMENTS)
LEFT_OUT = Skipped(Decided("other", won=True, votes=1, voters=1))
OUTCOMES = st.one_of(st.builds(Succeeded, RESULTS), st.just(Failed(Exited(1))), st.just(LEFT_OUT))
RUNS = st.dictionaries(st.text("pqrs", min_size=1, max_size=3), OUTCOMES, max_size=12)
MOST = st.sampled_from([None, 0, 1, 2, 100])


def same(one: Any, other: Any) -> bool:
    """Tell whether two elements are the same: by type and value, or as JSON."""
    if isinstance(one, list | dict) or isinstance(other, list | dict):
        return type(one) is type(other) and json.dumps(one, sort_keys=True) == json.dumps(
            other, sort_keys=True
        )
    return type(one) is type(other) and bool(one == other)


def holds(elements: Sequence[Any], wanted: Any) -> bool:
    return any(same(element, wanted) for element in elements)


def elements(result: Any) -> list[Any]:
    return [each for each in (result if isinstance(result, list) else [result]) if each is not None]


def results_of(run: dict[str, Outcome]) -> dict[str, Any]:
    return {task: end.value for task, end in run.items() if isinstance(end, Succeeded)}


def rows_of(run: dict[str, Outcome], most: int | None) -> list[ElementRow]:
    """Return every element with those who hold it, in the order of first appearance."""
    results = {task: elements(result) for task, result in results_of(run).items()}
    seen: list[Any] = []
    for found in results.values():
        for element in found:
            if not holds(seen, element):
                seen.append(element)
    rows = []
    for element in seen:
        tasks = [task for task, found in results.items() if holds(found, element)]
        rows.append(ElementRow(element, len(tasks), len(tasks) / len(results), tuple(tasks[:most])))
    return rows


def assert_attendance(made: Made, run: dict[str, Outcome]) -> None:
    assert made.n_results == sum(isinstance(end, Succeeded) for end in run.values())
    assert made.n_absent == sum(isinstance(end, Failed) for end in run.values())
    assert made.n_left_out == sum(isinstance(end, Skipped) for end in run.values())
    assert made.n_abstained == sum(end == Succeeded(None) for end in run.values())


def assert_rows(made: FrequencyTable | UnionTable | IntersectionTable, rows: list[ElementRow]) -> None:
    assert [repr(row) for row in made.rows] == [repr(row) for row in rows]  # 1 is not 1.0


@given(RUNS, MOST)
def test_a_union_holds_each_element_once(run: dict[str, Outcome], most: int | None) -> None:
    made = union(run, max_supporters=most)
    assert_rows(made, rows_of(run, most))
    assert_attendance(made, run)


@given(RUNS, MOST)
def test_an_intersection_holds_what_all_hold(run: dict[str, Outcome], most: int | None) -> None:
    made = intersection(run, max_supporters=most)
    rows = rows_of(run, most)
    assert_rows(made, [row for row in rows if row.count == len(results_of(run))])
    assert made.n_elements == len(rows)
    assert_attendance(made, run)


@given(RUNS, MOST, st.integers(0, 100))
def test_a_frequency_holds_what_enough_hold(run: dict[str, Outcome], most: int | None, percent: int) -> None:
    made = frequency(run, threshold=percent / 100, max_supporters=most)
    least = Fraction(percent, 100) * len(results_of(run))
    rows = [row for row in rows_of(run, most) if row.count >= least]
    assert_rows(made, sorted(rows, key=lambda row: -row.count))
    assert_attendance(made, run)


def tallied(run: dict[str, Outcome], weights: dict[str, Fraction]) -> list[tuple[Any, list[str], Fraction]]:
    """Return every answer, those who gave it, and what they weigh; who leads comes first."""
    seen: list[tuple[Any, list[str]]] = []
    for task, answer in results_of(run).items():
        if answer is None:
            continue
        voters = next((voters for known, voters in seen if same(known, answer)), None)
        if voters is None:
            seen.append((answer, voters := []))
        voters.append(task)
    weighed = [
        (answer, voters, sum((weights.get(task, Fraction(1)) for task in voters), Fraction(0)))
        for answer, voters in seen
    ]
    return sorted(weighed, key=lambda each: -each[2])


def verdict_of(ranked: list[tuple[Any, list[str], Fraction]], enough: Fraction, *, more: bool) -> Verdict:
    if not ranked:
        return Verdict.NO_VOTES
    if len(ranked) > 1 and ranked[1][2] == ranked[0][2]:
        return Verdict.TIE
    votes = ranked[0][2]
    return Verdict.WON if votes > enough or (votes == enough and not more) else Verdict.SHORT


VOTES = st.dictionaries(
    st.text("pqrs", min_size=1, max_size=3),
    st.one_of(
        st.builds(Succeeded, st.one_of(ELEMENTS, st.lists(TEXTS, max_size=2), st.sampled_from("ab"))),
        st.just(Failed(Exited(1))),
        st.just(LEFT_OUT),
    ),
    max_size=12,
)


@given(VOTES, MOST)
def test_a_majority_is_more_than_half_of_the_votes(run: dict[str, Outcome], most: int | None) -> None:
    made, ranked = majority(run, max_supporters=most), tallied(run, {})
    n_votes = sum(len(voters) for _, voters, _ in ranked)
    assert made.verdict is verdict_of(ranked, Fraction(n_votes, 2), more=True)
    assert made.n_votes == n_votes
    rows = [
        AnswerRow(answer, len(voters), len(voters) / n_votes, tuple(voters[:most]))
        for answer, voters, _ in ranked
    ]
    assert repr(made.rows) == repr(tuple(rows))
    won = made.verdict is Verdict.WON
    assert repr(made.winner) == repr(ranked[0][0] if won else None)
    level = [answer for answer, _, weight in ranked if weight == ranked[0][2]]
    assert repr(made.tied) == repr(tuple(level) if len(level) > 1 else ())
    assert_attendance(made, run)


@given(VOTES, st.one_of(st.integers(1, 6), st.integers(1, 100).map(lambda percent: percent / 100)))
def test_a_quorum_is_a_number_of_votes_or_a_share_of_them(run: dict[str, Outcome], least: float) -> None:
    made, ranked = quorum(run, least), tallied(run, {})
    n_votes = sum(len(voters) for _, voters, _ in ranked)
    enough = Fraction(least) if isinstance(least, int) else Fraction(str(least)) * n_votes
    assert made.verdict is verdict_of(ranked, enough, more=False)
    assert made.required >= enough > made.required - 1 or not n_votes


@given(VOTES, st.dictionaries(st.text("pqrs", min_size=1, max_size=2), st.integers(0, 20)))
def test_weights_are_added_up_exactly(run: dict[str, Outcome], tenths: dict[str, int]) -> None:
    weights = {task: Fraction(weight, 10) for task, weight in tenths.items()}
    made = weighted(run, {task: weight / 10 for task, weight in tenths.items()})
    ranked = tallied(run, weights)
    assert made.verdict is verdict_of(ranked, Fraction(0), more=False)
    told = [(repr(row.answer), row.votes, row.weight) for row in made.rows]
    assert told == [(repr(answer), len(voters), float(weight)) for answer, voters, weight in ranked]
    assert made.total == float(sum((weight for _, _, weight in ranked), Fraction(0)))


@given(RUNS)
def test_ordered_holds_all_results_and_concat_their_elements(run: dict[str, Outcome]) -> None:
    told = {task: result for task, result in results_of(run).items() if result is not None}
    whole, parts = ordered(run), concat(run)
    assert repr([(row.supporter, row.value) for row in whole.rows]) == repr(list(told.items()))
    flat = [
        (task, each)
        for task, result in told.items()
        for each in (result if isinstance(result, list) else [result])
    ]
    assert repr([(row.supporter, row.value) for row in parts.rows]) == repr(flat)
    made: OrderedList | ConcatList
    for made in (whole, parts):
        assert_attendance(made, run)


@given(st.lists(st.one_of(st.integers().map(Succeeded), st.just(Failed(Exited(1)))), max_size=8))
def test_reduce_folds_from_the_first_to_the_last(run: list[Outcome]) -> None:
    expected = 7
    for end in run:
        expected = 2 * expected - (end.value if isinstance(end, Succeeded) else expected)
    assert reduce(run, lambda made, value: 2 * made - value, 7).value == expected


@given(st.dictionaries(st.text("pqr", min_size=1, max_size=2), st.text("x\n", max_size=4)))
def test_merged_texts_begin_on_lines_of_their_own(texts: dict[str, str]) -> None:
    expected = ""
    for task, text in texts.items():
        expected += f"# {task}\n{text}"
        expected += "" if expected.endswith("\n") else "\n"
    assert merge_texts(texts, header="# {task}").text == expected


@pytest.mark.parametrize("n_results", [1023, 1024, 1025, 2500])
def test_it_does_not_matter_where_a_block_of_results_ends(n_results: int) -> None:
    results = [[f"w{number % 7}", f"late{number // 1000}"] for number in range(n_results)]
    plain = frequency(results, threshold=0, max_supporters=3)
    one_by_one = frequency(results, threshold=0, max_supporters=3, key=lambda element: element)
    assert plain == one_by_one
    mixed = frequency([*results, [1]], threshold=0, max_supporters=3)
    assert [(row.element, row.count, row.supporters) for row in mixed.rows][:7] == [
        (row.element, row.count, row.supporters) for row in plain.rows
    ][:7]
