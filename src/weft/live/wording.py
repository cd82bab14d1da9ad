"""How names, times and counts are written for people.

Knows no facts. The sentences of Reasons and Outcomes are made in `model.sentences`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

from weft.views.spans import in_minutes
from weft.views.visible import visible

# A message may be a whole document; what is cut here stands in the log.
LONGEST_LINE = 400
NAMES_SHOWN = 3


def one_line(text: str, longest: int = LONGEST_LINE) -> str:
    r"""Return ``text`` fit for one line: no control character, no line break, not too long.

    >>> one_line("a\nb\x1b[31m")
    'a b\\x1b[31m'
    >>> one_line("abcdef", longest=4)
    'abc…'
    """
    if len(text) <= longest and text.isprintable():
        return text
    cut = text[: longest + 1]
    line = " ".join(part.strip() for part in cut.splitlines())
    shown = visible(line.strip())
    if len(text) <= longest and len(shown) <= longest:
        return shown
    return shown[: longest - 1] + "…"


def span(seconds: float) -> str:
    """Return a length of time.

    >>> span(0.042), span(7.25), span(59.96), span(125), span(3661)
    ('0.04 s', '7.2 s', '1 min 0 s', '2 min 5 s', '1 h 1 min')
    """
    seconds = max(0.0, seconds)
    if seconds < 0.995:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    return in_minutes(seconds)


def clock(seconds: float) -> str:
    """Return a length of time that is seen growing.

    >>> clock(3.9), clock(125), clock(3661)
    ('0:03', '2:05', '1:01:01')
    """
    minutes, rest = divmod(int(max(0.0, seconds)), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02}"
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def count(number: int, noun: str) -> str:
    """Return a number of things.

    >>> count(1, "task"), count(2, "task")
    ('1 task', '2 tasks')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def size(n_bytes: int) -> str:
    """Return the size of files.

    >>> size(999), size(2048), size(5 * 2**30)
    ('999 B', '2.0 KiB', '5.0 GiB')
    """
    if n_bytes < 1024:
        return f"{n_bytes} B"
    power = min((n_bytes.bit_length() - 1) // 10, 4)
    return f"{n_bytes / 1024**power:.1f} {' KMGT'[power]}iB"


def totals(
    n_tasks: int, seconds: float, ended: Mapping[str, int], n_cached: int = 0, before: str = ""
) -> str:
    """Return how many tasks there were, how long they took, and how many ended in each way.

    Args:
        n_tasks: all of them.
        seconds: from the beginning to the end.
        ended: how many have ended in each way; the first way is success.
        n_cached: how many of the first have a result of earlier.
        before: what stands in front.

    >>> totals(3, 1.5, {"succeeded": 2, "failed": 1}, n_cached=1)
    '3 tasks in 1.5 s: 2 succeeded (1 cached), 1 failed'
    """
    line = f"{before}{count(n_tasks, 'task')} in {span(seconds)}"
    parts = [f"{number} {way}" for way, number in ended.items() if number]
    if n_cached:
        parts[0] += f" ({n_cached} cached)"
    return f"{line}: {', '.join(parts)}" if parts else line


def group_line(task: str) -> str:
    """Return the line above what a task has written.

    >>> group_line("build")
    '── build ──'
    """
    return f"── {one_line(task)} ──"


def listed(names: Sequence[str], shown: int = NAMES_SHOWN) -> str:
    """Return the first names, and how many more there are.

    >>> listed(["a", "b"]), listed(["a", "b", "c", "d", "e"])
    ('a, b', 'a, b, c and 2 more')
    """
    first = ", ".join(one_line(name) for name in islice(names, shown))
    rest = len(names) - shown
    return f"{first} and {rest} more" if rest > 0 else first
