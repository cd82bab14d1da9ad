"""Functions that are cached: what makes their results void, and what can't be cached."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import weft
from weft.model.miss import FieldChanged, InputChanged, NothingKept, NotStorable
from weft.model.outcome import Failed

CODE = """
FACTOR = 2

def inner(n):
    return n * FACTOR

def outer(n, log):
    with open(log, "a") as file:
        file.write("x")
    return inner(n)
"""


def module(tmp_path: Path, code: str = CODE) -> ModuleType:
    """Return ``code`` as the module of a project would be, loaded anew."""
    made = ModuleType("project_of_the_test")
    made.__file__ = str(tmp_path / "project_of_the_test.py")
    exec(compile(code, made.__file__, "exec"), vars(made))
    return made


def once(root: Path, function: Callable[..., object], *args: object, **options: object) -> weft.Report:
    plan = weft.Plan(root=root)
    plan.add(function, *args, id="task", **{"cache": True, **options})  # type: ignore[arg-type]  # any of them
    return weft.run(plan)


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    def load(code: str = CODE) -> ModuleType:
        made = module(tmp_path, code)
        monkeypatch.setitem(__import__("sys").modules, made.__name__, made)
        return made

    return load


def test_a_function_with_the_same_code_and_arguments_is_not_called_again(
    tmp_path: Path, loaded: Callable[..., ModuleType]
) -> None:
    log = str(tmp_path / "log")
    first = once(tmp_path, loaded().outer, 21, log)
    second = once(tmp_path, loaded(CODE.replace("def inner", "# a comment\n\ndef inner")).outer, 21, log)
    assert first.results == second.results == {"task": 42}
    assert (first.missed, second.cached) == ({"task": NothingKept()}, ("task",))
    assert Path(log).read_text() == "x"


@pytest.mark.parametrize(
    ("code", "number", "field"),
    [
        (CODE.replace("n * FACTOR", "n + FACTOR"), 21, "function"),
        (CODE.replace("FACTOR = 2", "FACTOR = 3"), 21, "function"),
        (CODE, 22, "argument 1"),
    ],
)
def test_other_code_that_it_calls_and_other_arguments_make_a_result_void(
    code: str, number: int, field: str, tmp_path: Path, loaded: Callable[..., ModuleType]
) -> None:
    log = str(tmp_path / "log")
    once(tmp_path, loaded().outer, 21, log)
    assert once(tmp_path, loaded(code).outer, number, log).missed == {"task": FieldChanged(field)}


def test_the_files_that_it_declares_count(tmp_path: Path) -> None:
    book = tmp_path / "book"
    for text, missed in (("one", NothingKept()), ("one two", InputChanged("book", "content"))):
        book.write_text(text)
        report = once(tmp_path, len, text, reads=["book"])
        assert report.missed == {"task": missed} or report.missed == {"task": FieldChanged("argument 1")}


def test_what_can_not_be_told_from_another_is_an_error_that_names_it(tmp_path: Path) -> None:
    report = once(tmp_path, str, threading.Lock())
    failed = report.outcomes["task"]
    assert isinstance(failed, Failed)
    assert "argument 1: a _thread.lock, which can't be told from another one" in str(failed.because)


def test_a_result_that_cannot_be_stored_is_said(tmp_path: Path) -> None:
    def opaque() -> object:
        return object()

    for _ in range(2):
        report = once(tmp_path, opaque)
        assert report.state.value == "succeeded"
        assert report.not_kept == {"task": NotStorable("its result", "it is of the type object")}


def test_the_result_of_another_task_counts_where_it_is_an_argument(tmp_path: Path) -> None:
    def double(n: int) -> int:
        return 2 * n

    for start, cached in ((1, ()), (1, ("double", "again")), (5, ())):
        plan = weft.Plan(root=tmp_path)
        first = plan.add(double, start, id="double", cache=True)
        plan.add(double, first, id="again", cache=True)
        assert weft.run(plan).cached == cached


def test_a_hit_costs_nothing_of_a_rate(tmp_path: Path) -> None:
    async def ask(n: int) -> int:
        return n

    async def answers() -> list[int]:
        limits = {"api": weft.Rate("3/h")}
        async with weft.Engine(limits=limits, root=tmp_path) as engine:
            asked = [engine.submit(ask, n, id=f"ask {n}", cache=True, limits={"api": 1}) for n in range(3)]
            return [await each for each in asked]

    for _ in range(3):  # each run with a limit of its own, which three calls use up
        assert asyncio.run(answers()) == [0, 1, 2]

    async def many() -> list[int]:
        limits = {"api": weft.Rate("1/h")}
        async with weft.Engine(limits=limits, root=tmp_path) as engine:
            asked = [engine.submit(ask, n, id=f"ask {n}", cache=True, limits={"api": 1}) for n in range(3)]
            return [await each for each in asked]

    assert asyncio.run(asyncio.wait_for(many(), 10)) == [0, 1, 2]


def test_an_engine_without_the_cache_and_a_task_that_is_forced_use_nothing(tmp_path: Path) -> None:
    calls = []

    def call() -> int:
        return 7

    async def run(**options: object) -> None:
        async with weft.Engine(root=tmp_path, **options) as engine:  # type: ignore[arg-type]  # any of them
            engine.subscribe(lambda fact: calls.append(type(fact).__name__))
            engine.submit(call, id="a", cache=True)

    for options in ({}, {}, {"forced": ["a"]}, {"cache": False}):
        asyncio.run(run(**options))
    assert [name for name in calls if name.startswith("Cache")] == ["CacheMissed", "CacheHit", "CacheMissed"]


def test_a_map_calls_only_for_items_that_are_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    log = tmp_path / "log"

    def double(n: int) -> int:
        with open("log", "a") as file:
            file.write(f"{n} ")
        return 2 * n

    assert weft.map(double, [1, 2], cache=True, max_concurrent=1) == [2, 4]
    assert weft.map(double, [2, 3], cache=True, max_concurrent=1) == [4, 6]
    assert log.read_text() == "1 2 3 "
    assert weft.map(double, [3], max_concurrent=1) == [6]
    assert log.read_text() == "1 2 3 3 "


def test_what_is_no_cache_is_refused() -> None:
    plan = weft.Plan()
    with pytest.raises(weft.WeftError, match="`cache` is 'yes'; expected true, false"):
        plan.add(len, "a", cache="yes")  # type: ignore[arg-type]  # that is the point
    with pytest.raises(weft.WeftError, match="`inputs` of a cache is 'src/'"):
        plan.add(len, "a", cache=weft.policy.Cache(inputs="src/"))  # type: ignore[arg-type]  # as above
