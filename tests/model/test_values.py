from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest

from weft.model.attempt import Attempt
from weft.model.limits import Pool
from weft.model.outcome import Outcome
from weft.model.plan import Plan
from weft.model.priority import HIGH, LOW, NORMAL
from weft.model.reason import DependencyFailed, Exited, Interrupted, Reason
from weft.model.task import Task
from weft.model.work import Call, Command
from weft.testing import cancelled, failed, succeeded, task

VALUES: list[Any] = [
    Attempt(0),
    Pool(1),
    task("a"),
    Plan(),
    Exited(1),
    succeeded(),
    failed(),
    Command("true"),
    Call(print),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_what_the_user_said_can_not_be_changed(value: Any) -> None:
    with pytest.raises(AttributeError, match="immutable"):
        setattr(value, value.__struct_fields__[0], None)


def test_priorities_are_ordered() -> None:
    assert HIGH > NORMAL > LOW


def test_a_task_is_normal_and_free_of_demands_if_nothing_else_is_said() -> None:
    plain = Task("a", Command("true"))
    assert (plain.needs, plain.limits, plain.priority, plain.duration_s) == ((), {}, NORMAL, None)


def test_a_string_is_a_script_for_the_shell_and_a_tuple_needs_none() -> None:
    assert Command("echo $HOME").argv == ("/bin/sh", "-c", "echo $HOME")
    assert Command(("echo", "$HOME")).argv == ("echo", "$HOME")


@pytest.mark.parametrize("reason", [Exited(1), DependencyFailed("a"), Interrupted(2), Interrupted()])
def test_a_reason_comes_back_from_json_as_it_was(reason: Reason) -> None:
    assert msgspec.json.decode(msgspec.json.encode(reason), type=Reason) == reason


@pytest.mark.parametrize("outcome", [succeeded([1, {"a": None}]), cancelled(Interrupted(15))])
def test_an_outcome_carries_its_name_when_it_is_written_as_json(outcome: Outcome) -> None:
    written = msgspec.json.decode(msgspec.json.encode(outcome))
    assert written["type"] == type(outcome).__name__


def test_no_two_reasons_share_a_name() -> None:
    names = [reason.__name__ for reason in get_args(Reason)]
    assert len(set(names)) == len(names)
