"""What a command tells of its costs: a line `weft: cost tokens=812 requests=2` at the end of what it writes.

Knows the line only, for those who write it and those who read it. What makes no sense is passed over, as a
cost that was told in vain is no reason to fail: what was reserved counts then.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from weft.executors.last_words import last_words

_LINE = re.compile(rb"weft: cost((?:\s+[^\s=]+=[0-9]{1,15})+)")


def cost_line(costs: Mapping[str, int]) -> str:
    """Return the line that tells these costs.

    >>> cost_line({"tokens": 812, "requests": 2})
    'weft: cost tokens=812 requests=2'
    """
    return " ".join(["weft: cost", *(f"{name}={units}" for name, units in costs.items())])


def costs_in(stderr: str, stdout: str) -> dict[str, int]:
    """Return the costs that are told at the end of ``stderr``, else of ``stdout``; none if there are none.

    Args:
        stderr: a file, or the place of one that is not there.
        stdout: another, or the same.
    """
    for output in dict.fromkeys((stderr, stdout)):
        for line in last_words(output):
            if found := _LINE.fullmatch(line):
                pairs = (word.split("=") for word in found[1].decode("utf-8", "replace").split())
                return {name: int(units) for name, units in pairs}
    return {}
