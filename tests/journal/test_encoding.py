from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.journal.builders import facts, members_of, whole_task

from weft.journal.encoding import NotKept, PassedOver, decode, encode, is_kept, pages_of
from weft.model.attempt import Attempt
from weft.model.outcome import Failed, Outcome, Succeeded
from weft.model.reason import CancelReason, FailureReason, LastReason, Raised, SkipReason
from weft.scheduling.facts import AttemptEnded, AttemptStarted, Fact, TaskEnded

GOLDEN = Path(__file__).with_name("golden") / "page.json"


def as_kept(fact: Fact) -> Fact:
    """What is to be read back of a fact."""
    if not isinstance(fact, AttemptEnded | TaskEnded):
        return fact
    outcome = fact.outcome
    if isinstance(outcome, Failed):
        return msgspec.structs.replace(fact, outcome=msgspec.structs.replace(outcome, exception=None))
    if isinstance(outcome, Succeeded) and not is_kept(outcome.value):
        kind = type(outcome.value)
        name = (
            kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        )
        return msgspec.structs.replace(fact, outcome=Succeeded(NotKept(name)))
    return fact


def ended(value: Any) -> AttemptEnded:
    return AttemptEnded(1.0, Attempt(0), Succeeded(value))


@given(st.lists(facts(), max_size=6))
def test_facts_come_back_as_they_were(written: list[Fact]) -> None:
    read, passed_over = decode(encode(written))
    # By their texts: to Python 1, 1.0 and True are the same.
    assert [repr(fact) for fact in read] == [repr(as_kept(fact)) for fact in written]
    assert passed_over == []


def test_the_outcome_of_a_task_that_is_that_of_its_attempt_is_written_once() -> None:
    large = whole_task(0, "a", Succeeded("x" * 1000))
    assert len(encode(large)) < 1500
    assert decode(encode(large))[0] == large


def test_an_outcome_of_another_attempt_is_not_taken_for_that_of_the_task() -> None:
    one, other = Succeeded(1), Succeeded(1)
    page: list[Fact] = [AttemptEnded(1.0, Attempt(0), one), TaskEnded(1.0, 1, one), TaskEnded(1.0, 0, other)]
    assert decode(encode(page))[0] == page


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ((1, 2), "tuple"),
        ({"a": {1, 2}}, "dict"),
        ({1: "one"}, "dict"),
        (float("nan"), "float"),
        (10**2000, "int"),
        (Path("a"), f"{type(Path()).__module__}.{type(Path()).__qualname__}"),
        (Raised("a", "b"), "weft.model.reason.Raised"),
    ],
)
def test_a_result_that_json_can_not_hold_is_told_with_its_type(value: object, kind: str) -> None:
    (read,), _ = decode(encode([ended(value)]))
    assert read == ended(NotKept(kind))
    (again,), _ = decode(encode([read]))
    assert again == read


def test_a_result_that_contains_itself_is_not_kept() -> None:
    endless: list[object] = []
    endless.append(endless)
    assert decode(encode([ended(endless)])) == ([ended(NotKept("list"))], [])


def test_a_result_that_looks_like_a_mark_of_ours_comes_back_as_it_was() -> None:
    results = [{"type": "NotKept", "kind": "x"}, {"type": "AsAttempt"}]
    assert decode(encode([ended(result) for result in results]))[0] == [ended(result) for result in results]


def test_of_an_exception_its_reason_is_kept_and_no_code() -> None:
    outcome: Outcome = Failed(Raised("ValueError", "no"), ValueError("no"), 2.0)
    (read,), _ = decode(encode([TaskEnded(1.0, 0, outcome)]))
    assert read == TaskEnded(1.0, 0, Failed(Raised("ValueError", "no"), None, 2.0))


def test_what_a_newer_weft_has_written_is_passed_over_with_a_note() -> None:
    page = json.loads(encode(whole_task(0, "a")))
    page.insert(1, {"type": "MoonRose", "at": 1.0})
    page.append({"type": "StopAsked", "at": 1.0, "attempt": {"task": 0}, "because": {"type": "Eclipse"}})
    read, passed_over = decode(json.dumps(page).encode())
    assert read == whole_task(0, "a")
    assert [note.kind for note in passed_over] == ["MoonRose", "StopAsked"]


def test_a_field_of_a_newer_weft_is_passed_over() -> None:
    page = json.loads(encode(whole_task(0, "a")))
    page[0]["colour"] = "green"
    assert decode(json.dumps(page).encode()) == (whole_task(0, "a"), [])


def test_a_task_never_gets_the_outcome_of_an_attempt_before_the_one_that_was_passed_over() -> None:
    outcome = Succeeded(1)
    page = json.loads(encode([AttemptEnded(1.0, Attempt(0), outcome), TaskEnded(2.0, 0, outcome)]))
    newer = {"type": "AttemptEnded", "at": 1.0, "attempt": {"task": 0}, "outcome": {"type": "Dissolved"}}
    read, passed_over = decode(json.dumps([page[0], newer, page[1]]).encode())
    assert read == [AttemptEnded(1.0, Attempt(0), outcome)]
    assert [note.kind for note in passed_over] == ["AttemptEnded", "TaskEnded"]


@pytest.mark.parametrize("page", [b"", b"{}", b"[", b"\xff", b'"facts"'])
def test_what_is_no_page_is_an_error(page: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(page)


def test_what_is_no_fact_at_all_is_passed_over() -> None:
    assert decode(b"[1]")[1] == [PassedOver("None", decode(b"[1]")[1][0].why)]


def test_turns_of_many_facts_are_split_and_their_order_stays() -> None:
    turn = [fact for number in range(1500) for fact in whole_task(number, f"t{number}")]
    pages = list(pages_of(turn))
    assert [n for n, _ in pages] == [1000] * 6
    assert [fact for _, page in pages for fact in decode(page)[0]] == turn


def test_large_results_get_pages_of_their_own() -> None:
    turn: list[Fact] = [ended("a" * 40_000_000), ended("b"), ended("c" * 40_000_000)]
    pages = list(pages_of(turn))
    assert [n for n, _ in pages] == [1, 2]
    assert [fact for _, page in pages for fact in decode(page)[0]] == turn


def test_pages_that_were_written_before_are_still_read() -> None:
    """A changed name would break the journals of all users: add to the golden file, change nothing in it."""
    page = GOLDEN.read_bytes()
    read, passed_over = decode(page)
    assert passed_over == []
    assert decode(encode(read)) == (read, [])


def test_tasks_that_start_or_succeed_at_one_moment_are_written_as_one() -> None:
    attempts = [Attempt(task) for task in range(3)]
    ends = [Succeeded({"of": attempt.task}) for attempt in attempts]
    turn: list[Fact] = [AttemptStarted(1.0, attempt) for attempt in attempts]
    for attempt, end in zip(attempts, ends, strict=True):
        turn += AttemptEnded(2.0, attempt, end), TaskEnded(2.0, attempt.task, end)
    page = json.loads(encode(turn))
    assert page == [
        {"type": "Started", "at": 1.0, "tasks": [0, 1, 2]},
        {"type": "Done", "at": 2.0, "tasks": [0, 1, 2], "values": [{"of": 0}, {"of": 1}, {"of": 2}]},
    ]
    assert decode(encode(turn)) == (turn, [])


@pytest.mark.parametrize(
    "turn",
    [
        [AttemptStarted(1.0, Attempt(0)), AttemptStarted(2.0, Attempt(1))],
        [
            AttemptStarted(1.0, Attempt(0)),
            AttemptStarted(1.0, Attempt(1, 2)),
            AttemptStarted(1.0, Attempt(2)),
        ],
        [*whole_task(0, "a"), *whole_task(1, "b", seconds=2.0)],
        [*whole_task(0, "a"), *whole_task(1, "b", Failed(Raised("a", "b")))],
        [*whole_task(0, "a")[2:], AttemptStarted(2.0, Attempt(1)), *whole_task(2, "c")[2:]],
    ],
)
def test_what_is_not_alike_or_not_in_a_row_is_written_apart(turn: list[Fact]) -> None:
    assert decode(encode(turn)) == (turn, [])


def test_the_golden_page_has_each_fact_and_each_reason() -> None:
    reasons = FailureReason | CancelReason | SkipReason | LastReason
    kinds = {kind.__name__ for union in (Fact, reasons) for kind in members_of(union)}
    text = GOLDEN.read_text(encoding="utf-8")
    assert [kind for kind in sorted(kinds) if f'"type":"{kind}"' not in text.replace(" ", "")] == []
