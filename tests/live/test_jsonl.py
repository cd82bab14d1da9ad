from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.live.written import written

from weft.live.choose import open_display
from weft.live.kinds import DisplayKind
from weft.live.values import as_json
from weft.model.attempt import Attempt
from weft.model.miss import InputGone, InputMoved
from weft.model.outcome import Succeeded
from weft.model.reason import MergeConflict, TaskChanged
from weft.runtime.layout import RunFolder
from weft.scheduling.facts import (
    AttemptStarted,
    CacheHit,
    CacheMissed,
    Fact,
    MergeEnded,
    MergeStarted,
    NotCached,
    RunInterrupted,
    SharesAsked,
    TaskAdded,
    TaskEnded,
    TaskTakenUp,
    UndeclaredWrites,
)
from weft.views.report import Report

Golden = Callable[[str, str], None]
PAGE = Path(__file__).parents[2] / "docs" / "events.md"


def stream_of(
    facts: Sequence[Fact], report: Report, stdout: TextIOWrapper, folder: RunFolder | None = None
) -> bytes:
    stderr = TextIOWrapper(BytesIO(), encoding="utf-8")
    display = open_display(DisplayKind.JSON, stdout=stdout, stderr=stderr, folder=folder)
    display.show(facts[:5])
    display.tick()
    display.show([])
    display.show(facts[5:])
    display.finish(report)
    display.close()
    return written(stdout)


def test_the_stream_of_a_run(
    facts: Sequence[Fact],
    report: Report,
    stdout: TextIOWrapper,
    folder: RunFolder,
    golden: Golden,
) -> None:
    text = stream_of(facts, report, stdout, folder).decode()
    golden("events.jsonl", text.replace(str(Path.cwd()), "/project"))


def test_the_first_line_tells_the_schema_and_the_last_one_the_end(
    facts: Sequence[Fact], report: Report, stdout: TextIOWrapper
) -> None:
    events = [json.loads(line) for line in stream_of(facts, report, stdout).splitlines()]
    assert events[0]["event"] == "run_started"
    assert events[0]["schema"] == 1
    counts = {"succeeded": 2, "failed": 2, "cancelled": 1, "skipped": 2}
    assert events[-1] == {
        "event": "run_ended",
        "at": 66.0,
        "state": "failed",
        "counts": counts,
        "groups": {},
        "health": {},
        "aggregates": {},
    }
    assert len(events) == 1 + len(facts)


def test_the_stream_of_a_run_in_trouble(
    trouble: Sequence[Fact], bad_report: Report, stdout: TextIOWrapper, golden: Golden
) -> None:
    golden("trouble_events.jsonl", stream_of(trouble, bad_report, stdout).decode())


def test_every_event_and_every_key_has_its_place_in_the_docs(
    facts: Sequence[Fact],
    report: Report,
    trouble: Sequence[Fact],
    bad_report: Report,
    stdout: TextIOWrapper,
    folder: RunFolder,
) -> None:
    page = PAGE.read_text()
    sections = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^##|\Z)", page, re.DOTALL | re.MULTILINE))
    added = next(number for number, fact in enumerate(facts) if isinstance(fact, TaskAdded)) + 1
    merged: list[Fact] = [
        UndeclaredWrites(0.0, 0, ("a",)),
        MergeStarted(0.0, 0),
        MergeEnded(0.0, 0, MergeConflict(("a",), "w")),
    ]
    asks: list[Fact] = [
        TaskAdded(166.0, 7, "asks"),
        SharesAsked(166.0, 7),
        AttemptStarted(166.0, Attempt(7)),
        CacheHit(166.0, Attempt(7)),
        CacheMissed(166.0, Attempt(7), InputGone("a")),
        NotCached(166.0, 7, InputMoved("a")),
    ]
    told = [*facts[:added], *merged, *facts[added:-1], *asks, RunInterrupted(166.0, 2), facts[-1]]
    stream_of(told, report, stdout, folder)
    again = TaskTakenUp(0.0, 0, "r0", TaskChanged(("command",)))
    stream_of([TaskAdded(0.0, 0, "a"), again], report, stdout)
    events = [json.loads(line) for line in stream_of(trouble, bad_report, stdout).splitlines()]  # of all
    keys: dict[str, set[str]] = {}
    for event in events:
        keys.setdefault(event["event"], set()).update(event.keys() - {"event", "at"})
    documented = {
        name: set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) for name, text in sections.items()
    }
    assert documented == keys


def test_a_name_that_is_no_text_is_still_json(stdout: TextIOWrapper, report: Report) -> None:
    name = b"caf\xe9".decode(errors="surrogateescape")
    lines = stream_of(
        [TaskAdded(0.0, 0, name), TaskEnded(0.0, 0, Succeeded("é"))], report, stdout
    ).splitlines()
    assert json.loads(lines[1])["task"] == name
    assert '"value": "é"' in lines[2].decode()


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError


class Point(msgspec.Struct):
    x: int


CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize("value", [None, True, 1, 1.5, "é", [1, [2]], {"a": {"b": None}}, 2**80])
def test_what_json_holds_is_told_as_it_is(value: object) -> None:
    assert as_json(value) == value


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (Point(1), "Point(x=1)"),
        (b"\xff", "b'\\xff'"),
        (float("inf"), "inf"),
        ({1: "a"}, "{1: 'a'}"),
        ("x" * 10, None),
    ],
)
def test_what_json_does_not_hold_is_told_under_a_marked_key(value: object, told: str | None) -> None:
    assert as_json([value]) == [value if told is None else {"$repr": told}]


@pytest.mark.parametrize(
    "value",
    [Unprintable(), CIRCLE, 1 << 100_000, {"a": b"x" * 5000}],
    ids=["unprintable", "circle", "huge", "long"],
)
def test_whatever_a_task_returns_can_be_written(value: object) -> None:
    assert len(json.dumps(as_json(value))) < 2000
