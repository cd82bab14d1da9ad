"""The union of two versions of a text: the lines of both, and none that one of them has removed.

Each line is there as often as both began with it, and as often more as one of them has added it, and as often
less as one of them has removed it; what both have done counts once. The order is that of the first version;
what only the second has stands where it stands there, between the lines that both have.

That is what git's union driver is meant for, without two things that it does where changes lie close to each
other: there it brings back a line that one side has removed, and tells one twice that both have.

Knows bytes and line feeds only; which versions there are is told in `texts`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import takewhile


def union(base: bytes, plan: bytes, task: bytes) -> bytes:
    r"""Return the union of ``plan`` and ``task``, which both began as ``base``.

    Where that is not known, it is empty: then nothing counts as removed.

    >>> union(b"a\nb\nc\n", b"a\nB\nc\n", b"a\nb\nc\nd")
    b'a\nB\nc\nd\n'
    """
    lines = _lines(plan)
    merged = _merged(_lines(base), lines, _lines(task))
    return plan if merged == lines else b"".join(line + b"\n" for line in merged)


def _lines(text: bytes) -> list[bytes]:
    return text.removesuffix(b"\n").split(b"\n") if text else []


def _merged(base: list[bytes], plan: list[bytes], task: list[bytes]) -> list[bytes]:
    blocks = list(_side_by_side(plan, task))
    left = _counts(base, plan, task)
    left.subtract(line for both, _, _ in blocks for line in both)
    # What only the plan has comes before what only the task has, wherever they stand.
    plans = [[line for line in only if _taken(left, line)] for _, only, _ in blocks]
    tasks = [[line for line in only if _taken(left, line)] for _, _, only in blocks]
    found: list[bytes] = []
    for (both, _, _), from_plan, from_task in zip(blocks, plans, tasks, strict=True):
        found += [*from_plan, *from_task, *both]
    return found


def _counts(base: list[bytes], plan: list[bytes], task: list[bytes]) -> Counter[bytes]:
    """Return how often each line is in the union."""
    began, in_plan, in_task = Counter(base), Counter(plan), Counter(task)
    counts: Counter[bytes] = Counter()
    for line in {**in_plan, **in_task}:
        by_plan, by_task = in_plan[line] - began[line], in_task[line] - began[line]
        added, removed = max(by_plan, by_task, 0), min(by_plan, by_task, 0)
        counts[line] = began[line] + added + removed
    return counts


def _taken(left: Counter[bytes], line: bytes) -> bool:
    left[line] -= 1
    return left[line] >= 0


def _side_by_side(
    plan: list[bytes], task: list[bytes]
) -> Iterator[tuple[list[bytes], list[bytes], list[bytes]]]:
    """Yield what both have, each time with what only the one and only the other has before it."""
    n_first = sum(1 for _ in takewhile(lambda both: both[0] == both[1], zip(plan, task, strict=False)))
    yield plan[:n_first], [], []
    of_plan, of_task = plan[n_first:], task[n_first:]
    at, to = 0, 0
    for start, other, n_both in SequenceMatcher(None, of_plan, of_task).get_matching_blocks():
        yield of_plan[start : start + n_both], of_plan[at:start], of_task[to:other]
        at, to = start + n_both, other + n_both
