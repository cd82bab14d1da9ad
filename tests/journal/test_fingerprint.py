from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from weft.journal.fingerprint import Fingerprint, changed, fingerprint, fingerprints
from weft.model.access import Accesses
from weft.model.retry import Retry
from weft.model.task import Task
from weft.model.work import Call, Command, ResultFormat, ResultOf
from weft.planning.merges import merging_task
from weft.planning.prepare import PreparedTask, prepare
from weft.testing import plan, task


def of(task: Task, version: str = "") -> Fingerprint:
    return fingerprint(PreparedTask(0, task), version)


MAKE = Task(
    "a", Command("make", {"X": "1", "Y": "2"}, "sub"), ("x", "y"), accesses=Accesses(("r", "s"), ("w",))
)


def with_(**fields: Any) -> Task:
    return msgspec.structs.replace(MAKE, **fields)


def with_command(**fields: Any) -> Task:
    return with_(work=msgspec.structs.replace(MAKE.work, **fields))


@pytest.mark.parametrize(
    ("other", "part"),
    [
        (with_command(run="make all"), "command"),
        (with_command(run=("make",)), "command"),
        (with_command(env={"X": "1", "Y": "3"}), "env"),
        (with_command(env={}), "env"),
        (with_command(cwd="."), "cwd"),
        (with_command(result=ResultFormat.JSON), "result"),
        (with_(accesses=Accesses(("r",), ("w",))), "reads"),
        (with_(accesses=Accesses(("r", "s"))), "writes"),
        (with_(needs=("x",)), "needs"),
    ],
)
def test_each_part_of_a_command_is_seen(other: Task, part: str) -> None:
    assert changed(of(MAKE), of(other)) == (part,)


@pytest.mark.parametrize(
    "same",
    [
        with_(id="b"),
        with_(needs=("y", "x")),
        with_(accesses=Accesses(("s", "r", "s"), ("w",))),
        with_command(env={"Y": "2", "X": "1"}),
        with_(retry=Retry(), duration_s=2.0, group="g"),
    ],
)
def test_what_does_not_change_what_a_task_does_is_not_seen(same: Task) -> None:
    assert changed(of(MAKE), of(same)) == ()


def test_to_declare_nothing_is_not_to_declare_that_nothing_is_touched() -> None:
    nothing, empty = of(with_(accesses=None)), of(with_(accesses=Accesses()))
    assert changed(nothing, empty) == ("reads", "writes")


def test_a_source_that_has_come_between_is_seen() -> None:
    first, between, reader = task("a", writes="x"), task("b", writes="x"), task("c", reads="x")
    before = fingerprints(prepare(plan(first, reader)).tasks)
    after = fingerprints(prepare(plan(first, between, reader)).tasks)
    assert changed(before["c"], after["c"]) == ("sources",)


def double(number: int) -> int:
    return 2 * number


def call(*args: Any, function: Any = double, **kwargs: Any) -> Fingerprint:
    return of(Task("a", Call(function, args, kwargs)))


@pytest.mark.parametrize(
    ("other", "part"),
    [
        (call(2), "arguments"),
        (call(1.0), "arguments"),
        (call(True), "arguments"),
        (call(number=1), "arguments"),
        (call(ResultOf("b")), "arguments"),
        (call(1, function=int), "function"),
        (of(Task("a", Call(double, (1,))), version="2"), "version"),
    ],
)
def test_each_part_of_a_call_is_seen(other: Fingerprint, part: str) -> None:
    assert changed(call(1), other) == (part,)


def test_arguments_are_compared_by_what_they_hold() -> None:
    def values() -> list[object]:
        return [{"a": [1, (2, None)]}, Path("docs"), b"x", "name \udcff", ResultOf("b")]

    assert call(*values()) == call(*values())
    assert not call(*values()).unknown


def test_what_a_partial_has_bound_belongs_to_the_arguments() -> None:
    assert changed(call(function=partial(double, 1)), call(function=partial(double, 2))) == ("arguments",)


class Counter:
    def count(self) -> None: ...

    def __call__(self) -> None: ...


@pytest.mark.parametrize(
    ("unknown", "kind"),
    [
        (call(Counter()), "Counter"),
        (call([{1, 2}]), "set"),
        (call(function=Counter().count), "Counter"),
        (call(function=Counter()), "Counter"),
    ],
)
def test_what_can_not_be_compared_is_named(unknown: Fingerprint, kind: str) -> None:
    assert unknown.unknown == kind


def test_no_secret_is_written_down() -> None:
    told = msgspec.json.encode(of(with_command(run="login --password hunter2", env={"TOKEN": "hunter2"})))
    assert b"hunter2" not in told


def test_what_brings_back_the_work_of_others_is_told_by_what_it_needs() -> None:
    assert fingerprint(PreparedTask(0, merging_task("g"))).needs
    assert fingerprint(PreparedTask(0, merging_task(None))) == Fingerprint()
