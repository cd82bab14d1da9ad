from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from weft.errors import UsageError
from weft.model.work import Call, Command, ResultFormat, ResultOf, Where
from weft.runtime.work import is_async, name_of, place_of, work_of


async def double(x: int) -> int:
    return 2 * x


def triple(x: int) -> int:
    return 3 * x


@pytest.mark.parametrize("where", [*Where, "loop", "thread", "process"])
def test_a_place_is_chosen_by_its_name(where: Any) -> None:
    assert place_of(triple, where) is Where(where)


@pytest.mark.parametrize("where", ["proces", "", 5])
def test_an_unknown_place_is_refused(where: Any) -> None:
    with pytest.raises(UsageError, match='expected one of "loop", "thread", "process"'):
        work_of(triple, (1,), where)


def test_something_that_wraps_itself_is_looked_at_once() -> None:
    class Odd:
        def __getattr__(self, name: str) -> Any:
            if name == "__wrapped__":
                return triple
            raise AttributeError(name)

        def __call__(self, x: int) -> int:
            return x

    assert not is_async(Odd())


def test_a_name_is_found_under_partials() -> None:
    assert name_of(partial(partial(triple))) == "triple"
    assert name_of(Command("true")) == "command"


def test_references_are_looked_for_in_arguments_and_in_partials() -> None:
    a: Any = ResultOf("a")
    assert work_of(triple, (1,), None) == Call(triple, (1,))
    assert work_of(triple, ([a],), None) == Call(triple, ([a],), refers=True)
    plain = partial(triple, 1)
    assert work_of(plain, (), None) == Call(plain)
    assert work_of(partial(print, a, end=a), (2,), None) == Call(print, (a, 2), {"end": a}, refers=True)


def test_a_partial_of_a_coroutine_function_runs_in_the_loop() -> None:
    a: Any = ResultOf("a")
    assert work_of(partial(double, a), (), None) == Call(double, (a,), where=Where.LOOP, refers=True)


def test_paths_in_a_command_become_strings() -> None:
    command: Any = Command(
        ["cat", Path("a"), "b"],  # type: ignore[arg-type]  # a list does as well
        env={"HERE": Path("c")},  # type: ignore[dict-item]  # and a path
        cwd=Path("d"),  # type: ignore[arg-type]
        result="json",  # type: ignore[arg-type]  # and the name of a format
    )
    assert work_of(command, (), None) == Command(("cat", "a", "b"), {"HERE": "c"}, "d", ResultFormat.JSON)


@pytest.mark.parametrize(
    "command",
    [Command(("sleep", 5)), Command("true", env={"N": 5}), Command("true", cwd=b"d")],  # type: ignore[arg-type,dict-item]
    ids=["argument", "environment", "directory"],
)
def test_a_command_is_made_of_strings(command: Command) -> None:
    with pytest.raises(UsageError, match=r"a command is made of strings, found (5|b'd')"):
        work_of(command, (), None)


def test_an_unknown_format_of_a_result_is_refused() -> None:
    command = Command("true", result="jsn")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"`result` is 'jsn'; expected one of .*json"):
        work_of(command, (), None)
