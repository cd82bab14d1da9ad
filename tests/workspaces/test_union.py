from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.workspaces.union import union

TEXTS = st.lists(st.sampled_from([b"a", b"b", b"c", b"", b"\r", b"\xff"]), max_size=8).map(
    lambda lines: b"".join(line + b"\n" for line in lines)
)


def spaced(text: str) -> bytes:
    """Return a text with these words as its lines."""
    return "".join(f"{word}\n" for word in text.split()).encode()


@pytest.mark.parametrize(
    ("plan_has", "task_has", "expected"),
    [
        (b"", b"", b""),
        (b"a", b"a", b"a"),
        (b"a", b"a\n", b"a"),
        (b"a", b"b", b"a\nb\n"),
        (b"a\na\n", b"a\n", b"a\na\n"),
        (b"a\n", b"a\na\n", b"a\na\n"),
        (b"\n", b"\n\n", b"\n\n"),
        (b"\xff\n", b"\xfe\n", b"\xff\n\xfe\n"),
        (b"a\r\n", b"a\n", b"a\r\na\n"),
        (b"10%\r20%\r", b"end", b"10%\r20%\r\nend\n"),
    ],
)
def test_without_a_base_each_line_is_there_as_often_as_one_of_both_has_it(
    plan_has: bytes, task_has: bytes, expected: bytes
) -> None:
    assert union(b"", plan_has, task_has) == expected


@pytest.mark.parametrize(
    ("base", "plan_has", "task_has", "expected"),
    [
        ("a b c", "a X c", "a Y c", "a X Y c"),  # what both have replaced
        ("a b c", "a X c", "a b c d", "a X c d"),  # what one has replaced and the other left alone
        ("a b", "a", "a b c", "a c"),  # also right beside what the other has added
        ("a b c", "A b C", "X b Y", "A X b C Y"),  # what both have is there once
        ("a b c", "c", "a", ""),
        ("top old", "top mine old", "top yours old", "top mine yours old"),
        ("a", "a a", "", "a"),  # one more, and one less
    ],
)
def test_what_one_of_both_has_removed_is_not_there(
    base: str, plan_has: str, task_has: str, expected: str
) -> None:
    assert union(spaced(base), spaced(plan_has), spaced(task_has)) == spaced(expected)


@given(TEXTS, TEXTS, TEXTS)
def test_a_union_has_what_was_there_with_what_was_added_and_without_what_was_removed(
    base: bytes, plan_has: bytes, task_has: bytes
) -> None:
    began, in_plan, in_task = (Counter(text.split(b"\n")[:-1]) for text in (base, plan_has, task_has))
    wanted: Counter[bytes] = Counter()
    for line in began | in_plan | in_task:
        n, by_plan, by_task = began[line], in_plan[line], in_task[line]
        if by_plan >= n and by_task >= n:
            wanted[line] = max(by_plan, by_task)
        elif by_plan <= n and by_task <= n:
            wanted[line] = min(by_plan, by_task)
        else:
            wanted[line] = by_plan + by_task - n
    assert Counter(union(base, plan_has, task_has).split(b"\n")[:-1]) == +wanted


@given(TEXTS, TEXTS)
def test_what_only_the_plan_has_changed_is_as_the_plan_has_it(base: bytes, plan_has: bytes) -> None:
    assert union(base, plan_has, base) == union(base, plan_has, plan_has) == plan_has


@given(TEXTS)
def test_what_is_added_to_the_end_by_both_is_at_the_end(base: bytes) -> None:
    assert union(base, base + b"mine\n", base + b"yours\n") == base + b"mine\nyours\n"
