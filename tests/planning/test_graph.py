from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weft.planning.graph import cycle_among, cycles, topological_order

Before = list[list[int]]


@st.composite
def graphs(draw: st.DrawFn) -> Before:
    n_tasks = draw(st.integers(1, 8))
    return [draw(st.lists(st.integers(0, n_tasks - 1), unique=True, max_size=3)) for _ in range(n_tasks)]


def test_without_edges_the_order_is_that_of_the_plan() -> None:
    assert topological_order(3, [[], [], []]) == [0, 1, 2]


def test_the_graph_of_nothing_has_an_order() -> None:
    assert topological_order(0, []) == []


def test_what_stands_on_a_cycle_or_after_one_is_left_out() -> None:
    assert topological_order(4, [[], [2], [1], [2]]) == [0]


def test_the_cycle_is_found_from_a_task_that_only_stands_after_it() -> None:
    assert cycle_among([0, 1, 2], [[1], [2], [1]]) == [1, 2]


@given(graphs())
def test_each_stands_after_all_that_come_before_it(before: Before) -> None:
    order = topological_order(len(before), before)
    place = {position: at for at, position in enumerate(order)}
    assert len(place) == len(order)
    for position in order:
        assert all(place[source] < place[position] for source in before[position])


@given(graphs())
def test_a_graph_has_an_order_but_for_its_cycles_each_of_which_closes(before: Before) -> None:
    found = list(cycles(before, topological_order(len(before), before)))
    members = [position for cycle in found for position in cycle]
    assert len(set(members)) == len(members)
    for cycle in found:
        assert cycle[0] == min(cycle)
        for source, after in zip(cycle, [*cycle[1:], cycle[0]], strict=True):
            assert source in before[after]
    rest = [
        [] if at in members else [s for s in sources if s not in members] for at, sources in enumerate(before)
    ]
    assert len(topological_order(len(rest), rest)) == len(rest)
