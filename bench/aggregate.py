"""How much does a frequency analysis cost, compared with counting alone?

A million outcomes with 20 elements each, of a thousand different ones, some frequent and most of them rare.
The bare loop adds one to a `Counter` for each mention. Weft counts each element once per outcome, tells the
absent ones apart, and keeps the first 100 supporters of each element and the order of first appearance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain, repeat
from random import Random

from _side_by_side import Goal, Table, medians, size_from_command_line, wall_s

from weft import aggregate
from weft.model.outcome import Succeeded

N_ELEMENTS = 20
N_WORDS = 1000
N_DIFFERENT = 10_000  # outcomes; a million of them would measure the memory of the machine


def main() -> None:
    """Measure, and print the table."""
    size = size_from_command_line(__doc__ or "")
    n_outcomes = size.of(1_000_000, 20_000)
    different = some_outcomes()

    def outcomes() -> Iterator[Succeeded]:
        return chain.from_iterable(repeat(different, n_outcomes // len(different)))

    def bare() -> Counter[str]:
        counter: Counter[str] = Counter()
        for outcome in outcomes():
            for element in outcome.value:
                counter[element] += 1
        return counter

    def updates() -> Counter[str]:
        counter: Counter[str] = Counter()
        for outcome in outcomes():
            counter.update(outcome.value)
        return counter

    def analysis() -> aggregate.FrequencyTable:
        return aggregate.frequency(outcomes(), threshold=0.0)

    assert {row.element: row.count for row in analysis().rows} == bare() == updates(), (
        "they count differently"
    )
    measured = medians(
        {
            "a bare loop over a Counter": lambda: wall_s(bare),
            "weft.aggregate.frequency": lambda: wall_s(analysis),
            "Counter.update for each outcome, for comparison": lambda: wall_s(updates),
        },
        size.rounds,
    )
    table = Table(f"Frequency analysis of {n_outcomes:,} outcomes with {N_ELEMENTS} elements each")
    table.section("strings, each at most once in an outcome")
    table.against("a bare loop over a Counter", measured, {"weft.aggregate.frequency": Goal("<=", 1.5)})


def some_outcomes() -> list[Succeeded]:
    """Return outcomes whose elements are as unevenly distributed as words are."""
    chance = Random(1)
    words = [f"pattern-{number}" for number in range(N_WORDS)]
    weights = [1 / rank for rank in range(1, N_WORDS + 1)]
    found = []
    for _ in range(N_DIFFERENT):
        elements: dict[str, None] = {}
        while len(elements) < N_ELEMENTS:
            elements.update(dict.fromkeys(chance.choices(words, weights, k=N_ELEMENTS)))
        found.append(Succeeded(list(elements)[:N_ELEMENTS]))
    return found


if __name__ == "__main__":
    main()
