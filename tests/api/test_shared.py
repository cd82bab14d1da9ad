"""What is shared travels to each worker once."""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import signal
from functools import partial
from typing import Any

import pytest
from tests.executors.told import in_a_loop

import weft
from weft.executors import shared as in_worker
from weft.model.outcome import Failed
from weft.model.reason import CouldNotStart
from weft.runtime.engine import Engine
from weft.runtime.work import Place

EVERYWHERE = pytest.mark.parametrize("where", ["loop", "thread", "process"])

n_made_here = 0  # in this process: each worker has one of its own


class Index:
    """Counts how often it is pickled, and how often it is made again."""

    n_pickled = 0

    def __init__(self, words: list[str]) -> None:
        self.words = words

    def __reduce__(self) -> tuple[Any, ...]:
        type(self).n_pickled += 1
        return _made_again, (self.words,)


def _made_again(words: list[str]) -> Index:
    global n_made_here  # noqa: PLW0603
    n_made_here += 1
    return Index(words)


@pytest.fixture(autouse=True)
def _count_anew() -> None:
    Index.n_pickled = 0


def look(index: Index, place: int) -> tuple[str, int, int]:
    return index.words[place], n_made_here, os.getpid()


def look_into(indexes: list[dict[str, Index]], place: int) -> tuple[str, int]:
    return indexes[0]["index"].words[place], n_made_here


def die_or_look(index: Index, place: int) -> tuple[str, int, int]:
    if place < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return look(index, place)


def same(one: object, other: object) -> bool:
    return one is other


def words(index: Index) -> list[str]:
    return index.words


def give_back(index: Index) -> Index:
    return index


def what_is_here() -> int:
    return len(in_worker._arrived)


@EVERYWHERE
@in_a_loop
async def test_the_function_gets_the_value_wherever_it_is_called(where: Place) -> None:
    index = weft.shared(Index(["warp", "weft"]))
    async with Engine() as engine:
        alone = engine.submit(look, index, 1, where=where)
        nested = engine.submit(look_into, [{"index": index}], 0, where=where)
        held = engine.submit(partial(look, index, place=0), where=where)
        both = engine.submit(same, index, index, where=where)
        assert [(await each)[0] for each in (alone, nested, held)] == ["weft", "warp", "warp"]
        assert await both


@EVERYWHERE
def test_a_map_shares_too(where: Place) -> None:
    index = weft.shared(Index(["warp", "weft"]))
    found = weft.map(partial(look, index), [0, 1], where=where)
    assert [word for word, *_ in found] == ["warp", "weft"]
    assert weft.map(words, [index, index], where=where) == [["warp", "weft"]] * 2


@EVERYWHERE
def test_a_plan_shares_beside_results_of_others(where: Place) -> None:
    plan = weft.Plan()
    place = plan.add(int, 1)
    plan.add(look, weft.shared(Index(["warp", "weft"])), place, id="look", where=where)
    assert weft.run(plan).results["look"][0] == "weft"


@in_a_loop
async def test_in_this_process_it_is_the_very_object() -> None:
    value = Index([])
    async with Engine() as engine:
        assert await engine.submit(same, weft.shared(value), value)
        assert await engine.submit(same, weft.shared(value), value, where="loop")
    assert Index.n_pickled == 0


def test_it_is_pickled_once_and_made_once_in_each_worker() -> None:
    index = weft.shared(Index(["warp", "weft"]))
    found = weft.map(partial(look, index), [0, 1] * 20, max_concurrent=3, where="process")
    assert Index.n_pickled == 1
    assert [word for word, *_ in found] == ["warp", "weft"] * 20
    assert {n_made for _, n_made, _ in found} == {1}


def test_without_it_each_call_has_its_own() -> None:
    found = weft.map(partial(look, Index(["warp"])), [0] * 5, max_concurrent=1, where="process")
    assert (Index.n_pickled, [n_made for _, n_made, _ in found]) == (5, [1, 2, 3, 4, 5])


@in_a_loop
async def test_a_new_worker_gets_it_again() -> None:
    index = weft.shared(Index(["warp"]))
    async with Engine(1) as engine:
        first = await engine.submit(die_or_look, index, 0, where="process")
        await engine.submit(die_or_look, index, -1, where="process").wait()
        second = await engine.submit(die_or_look, index, 0, where="process")
    assert first[:2] == second[:2] == ("warp", 1)
    assert first[2] != second[2]
    assert Index.n_pickled == 1


@in_a_loop
async def test_two_are_kept_apart_and_one_may_stand_in_another() -> None:
    one, other = weft.shared(Index(["one"])), weft.shared(Index(["other"]))
    both = weft.shared({"one": one, "other": other})
    async with Engine(1) as engine:
        for _ in range(2):
            assert (await engine.submit(look, one, 0, where="process"))[0] == "one"
            word, n_made, _ = await engine.submit(look, other, 0, where="process")
            assert (word, n_made) == ("other", 2)
            assert await engine.submit(same_as_in, both, one, other, where="process")
    assert Index.n_pickled == 2


def same_as_in(both: dict[str, Index], one: Index, other: Index) -> bool:
    return both["one"] is one and both["other"] is other


@in_a_loop
async def test_what_is_changed_after_the_first_call_is_not_seen() -> None:
    value = ["before"]
    handle = weft.shared(value)
    async with Engine(1) as engine:
        assert await engine.submit(list, handle, where="process") == ["before"]
        value.append("after")
        assert await engine.submit(list, handle, where="process") == ["before"]


@in_a_loop
async def test_a_result_is_a_value_of_its_own() -> None:
    index = Index(["warp"])
    async with Engine(1) as engine:
        result = await engine.submit(give_back, weft.shared(index), where="process")
    assert isinstance(result, Index)
    assert result is not index
    assert result.words == ["warp"]


@in_a_loop
async def test_a_worker_forgets_what_nobody_can_use_any_more() -> None:
    async with Engine(1) as engine:
        handle: list[int] | None = weft.shared([1])
        assert await engine.submit(len, handle, where="process") == 1
        assert await engine.submit(what_is_here, where="process") == 1
        handle = None
        gc.collect()
        assert await engine.submit(what_is_here, where="process") == 0


@in_a_loop
async def test_what_can_not_be_pickled_or_not_be_made_again_is_told_to_each_call() -> None:
    async with Engine(1) as engine:
        for value, complaint in ((lambda: 0, "argument 1, a Shared,"), (OneWay(), "not here")):
            handle = weft.shared(value)
            for _ in range(2):
                outcome = await engine.submit(print, handle, where="process").wait()
                assert isinstance(outcome, Failed)
                assert isinstance(outcome.because, CouldNotStart)
                assert complaint in outcome.because.message
        assert await engine.submit(int, where="process") == 0


class OneWay:
    def __reduce__(self) -> tuple[Any, ...]:
        return refuse, ()


def refuse() -> None:
    raise RuntimeError("not here")


def test_whoever_else_pickles_it_pickles_the_value() -> None:
    assert pickle.loads(pickle.dumps([weft.shared([1, 2])])) == [[1, 2]]
    assert repr(weft.shared([])) == "shared(list)"


def test_many_threads_pack_it_once() -> None:
    index = weft.shared(Index(["warp"]))

    async def main() -> None:
        async with Engine(4) as engine:
            for _ in range(12):
                engine.submit(look, index, 0, where="process")

    asyncio.run(main())
    assert Index.n_pickled == 1
