from __future__ import annotations

from hypothesis import given
from tests.planning.declared import declared_plans

from weft.planning.prepare import PreparedPlan, prepare
from weft.planning.reach import followers_of, implied, shortest_chain, sole_links, sources_of
from weft.testing import plan, task


def diamond() -> list[list[int]]:
    """a -> b, c -> d, and a -> d."""
    tasks = [task("a"), task("b", needs=["a"]), task("c", needs=["a"]), task("d", needs=["c", "b", "a"])]
    return followers_of(prepare(plan(*tasks)))


def test_followers_and_sources_stand_once_and_in_plan_order() -> None:
    prepared = prepare(plan(task("a", writes="x"), task("b", reads="x", needs=["a"]), task("c", needs=["a"])))
    assert followers_of(prepared) == [[1, 2], [], []]
    assert sources_of(prepared) == [[], [0], [0]]


def test_of_chains_of_equal_length_the_first_in_the_plan_is_taken() -> None:
    assert shortest_chain(diamond(), 0, 3) == [0, 3]
    assert shortest_chain(diamond(), 0, 3, indirect=True) == [0, 1, 3]
    assert shortest_chain(diamond(), 1, 2) == []


def test_a_link_that_others_go_around_is_not_the_sole_one() -> None:
    assert sole_links(diamond(), [0, 1, 3]) == [False, False]
    assert sole_links([[1], [2], []], [0, 1, 2]) == [True, True]
    assert sole_links([[1, 2], [2], []], [0, 1, 2]) == [True, True], "the direct edge is another matter"


@given(prepared=declared_plans())
def test_without_a_sole_link_there_is_no_indirect_chain(prepared: PreparedPlan) -> None:
    followers = followers_of(prepared)
    for start in range(len(followers)):
        for end in range(start + 1, len(followers)):
            chain = shortest_chain(followers, start, end, indirect=True)
            for number, is_sole in enumerate(sole_links(followers, chain) if chain else ()):
                gone = (chain[number], chain[number + 1])
                rest = [
                    [after for after in afters if (before, after) != gone]
                    for before, afters in enumerate(followers)
                ]
                assert is_sole == (not shortest_chain(rest, start, end, indirect=True))


def test_a_neighbour_that_another_leads_to_is_implied() -> None:
    assert implied(diamond(), 0) == {3}
    assert implied([[], [0], [0, 1]], 2) == {0}
    assert implied([[], [], [0, 1]], 2) == set()
