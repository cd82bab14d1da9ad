"""How much work hangs on a task: the longest chain of expected durations from its start.

The rule behind the order of starts inside a priority level. Source: critical-path list
scheduling (T. C. Hu, "Parallel Sequencing and Assembly Line Problems", 1961; the "HLFET" rule).
"""

from __future__ import annotations

from collections.abc import Sequence

UNKNOWN_S = 1.0  # a task of unknown duration counts as one second: then the longest chain counts tasks


def remaining_paths(
    durations_s: Sequence[float], before: Sequence[Sequence[int]], order: Sequence[int]
) -> list[float]:
    """Return for each task the seconds from its start to the end of the longest chain behind it.

    ``before[i]`` are the positions that task ``i`` waits for; ``order`` is a topological order.

    >>> remaining_paths([1.0, 2.0, 4.0], [[], [0], [0]], [0, 1, 2])
    [5.0, 2.0, 4.0]
    """
    behind = [0.0] * len(durations_s)
    for position in reversed(order):
        path = behind[position] = behind[position] + durations_s[position]
        for source in before[position]:
            if behind[source] < path:
                behind[source] = path
    return behind
