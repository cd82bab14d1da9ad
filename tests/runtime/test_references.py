from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest

from weft.errors import UsageError
from weft.model.work import Call, Command, ResultOf
from weft.runtime.references import DEEPEST, filled_in, references, references_of

A, B = ResultOf("a"), ResultOf("b")
RESULTS = {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("value", "found", "filled"),
    [
        (A, [A], 1),
        ([A, "x", B], [A, B], [1, "x", 2]),
        ((A, [B]), [A, B], (1, [2])),
        ({"k": {"deep": (A,)}}, [A], {"k": {"deep": (1,)}}),
        ([A, A], [A, A], [1, 1]),
        ([], [], []),
    ],
)
def test_results_stand_where_references_stood(value: Any, found: list[ResultOf], filled: Any) -> None:
    assert list(references(value)) == found
    assert filled_in(value, RESULTS) == filled


def test_what_holds_no_reference_is_not_copied() -> None:
    plain = {"rows": [1, 2, 3]}
    assert filled_in([plain, A], RESULTS)[0] is plain


@pytest.mark.parametrize("value", [OrderedDict(k=A), {A}, {A: 1}, "ab", range(3)], ids=repr)
def test_only_plain_lists_tuples_and_values_of_dictionaries_are_looked_through(value: Any) -> None:
    assert list(references(value)) == []


def nested(levels: int) -> Any:
    value: Any = A
    for _ in range(levels):
        value = [value]
    return value


def test_the_deepest_level_is_still_looked_at() -> None:
    assert list(references(nested(DEEPEST))) == [A]
    assert filled_in(nested(DEEPEST), RESULTS) != nested(DEEPEST)


def test_one_level_deeper_is_a_mistake() -> None:
    with pytest.raises(UsageError, match="nested more than 100 levels deep\n  hint: "):
        list(references(nested(DEEPEST + 1)))


def test_a_list_that_contains_itself_is_a_mistake() -> None:
    ring: list[Any] = []
    ring.extend([ring, ring])
    with pytest.raises(UsageError, match="contains itself"):
        list(references(ring))


def test_work_refers_to_what_stands_among_its_arguments() -> None:
    call = Call(print, (A,), {"sep": B}, refers=True)
    assert references_of(call) == (A, B)
    assert references_of(Command("true")) == ()
