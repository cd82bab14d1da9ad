"""What the tests of the journal share: runs, their facts, and values of any fact there is."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
from hypothesis import strategies as st

from weft.journal.fingerprint import Fingerprint
from weft.journal.reader import JournalReader
from weft.journal.writer import Header, JournalWriter
from weft.model.attempt import Attempt
from weft.model.outcome import Outcome, Succeeded
from weft.scheduling.facts import AttemptEnded, AttemptStarted, Fact, RunEnded, TaskAdded, TaskEnded
from weft.scheduling.states import RunState

US, GONE, FAR = "us", "gone", "far away"


def alive(owner: str) -> bool | None:
    return {US: True, GONE: False, FAR: None}[owner]


def writer(folder: Path, run: str = "r1", *, owner: str = US, learns: bool = True) -> JournalWriter:
    header = Header(run, 1000.0, owner, ("weft", "run"), {"a": Fingerprint(command="1")})
    return JournalWriter(folder / "weft.db", header, learns=learns)


def reader(folder: Path) -> JournalReader:
    found = JournalReader.open(folder / "weft.db", alive)
    assert found is not None
    return found


def recorded(folder: Path, run: str = "r1") -> list[Fact]:
    """The facts of a run as another process would find them now."""
    journal = reader(folder)
    try:
        record = journal.run(run)
        assert record is not None
        return list(journal.facts(record))
    finally:
        journal.close()


def whole_task(
    task: int, id: str, outcome: Outcome | None = None, *, family: str | None = None, seconds: float = 1.0
) -> list[Fact]:
    end = Succeeded(task) if outcome is None else outcome
    attempt = Attempt(task)
    return [
        TaskAdded(0.0, task, id, family),
        AttemptStarted(1.0, attempt),
        AttemptEnded(1.0 + seconds, attempt, end),
        TaskEnded(1.0 + seconds, task, end),
    ]


END: Sequence[Fact] = (RunEnded(9.0, RunState.SUCCEEDED),)

_TEXTS = st.text(max_size=8) | st.just("a name that is no text \udcff")
_ODD = st.sampled_from(
    [(1, 2), {1: "one"}, {"nan": [float("nan")]}, b"bytes", {3}, 2**5000, object, Path("a")]
)
RESULTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXTS
    | _ODD,
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(_TEXTS, parts, max_size=3),
    max_leaves=5,
)


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a field of that type, so that no fact and no field of one can be forgotten."""
    if kind is Any:
        return RESULTS
    if kind is BaseException:
        return st.just(ValueError("no such page"))
    if get_origin(kind) in (Union, types.UnionType):
        return st.one_of([values_of(member) for member in get_args(kind)])
    if get_origin(kind) is tuple:
        return st.lists(values_of(get_args(kind)[0]), max_size=2).map(tuple)
    if get_origin(kind) is Mapping:
        return st.dictionaries(*map(values_of, get_args(kind)), max_size=2)
    if kind is type(None):
        return st.none()
    if issubclass(kind, Enum):
        return st.sampled_from(kind)
    if issubclass(kind, msgspec.Struct):
        fields = get_type_hints(kind)
        return st.builds(kind, **{name: values_of(fields[name]) for name in kind.__struct_fields__})
    simple = {
        bool: st.booleans(),
        int: st.integers(0, 2**40),
        float: st.floats(allow_nan=False, allow_infinity=False),
        str: _TEXTS,
    }
    return simple[kind]


def members_of(union: Any) -> list[type[msgspec.Struct]]:
    return list(typing.get_args(union))


def facts() -> st.SearchStrategy[Fact]:
    return values_of(Fact)
