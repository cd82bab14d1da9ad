"""A timeline for other programs: as a trace that Chrome and Perfetto show, and as JSON of our own.

The trace is in the "Trace Event Format" of Chromium: complete events (`X`) for attempts, one thread for each
lane, and asynchronous ones (`b`, `e`) for waits, which overlap. Its times are in microseconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from weft.views.timeline import Timeline

# Grows when a program that reads the JSON would have to change; new keys don't count.
SCHEMA = 1

_RUN, _WAITS = 1, 2  # "processes" of the trace: each is a part of the picture
_US = 1e6


def chrome(timeline: Timeline) -> str:
    """Return the timeline as a Chrome trace."""
    events = list(_events(timeline))
    return _text({"traceEvents": events, "displayTimeUnit": "ms"})


def as_json(timeline: Timeline) -> str:
    """Return the timeline as JSON; moments are seconds since the run began."""
    return _text({"schema": SCHEMA, **msgspec.to_builtins(timeline)})


def _events(timeline: Timeline) -> Iterator[dict[str, Any]]:
    yield _named("process_name", _RUN, 0, "lanes")
    yield _named("process_name", _WAITS, 0, "waits")
    for lane in range(timeline.n_lanes):
        yield _named("thread_name", _RUN, lane + 1, f"lane {lane + 1}")
    for ran in timeline.ran:
        began = _us(ran.since)
        told = {"attempt": ran.attempt, "state": ran.state, "critical": ran.critical}
        yield {
            "ph": "X",
            "name": ran.task,
            "cat": "critical" if ran.critical else "attempt",
            "pid": _RUN,
            "tid": ran.lane + 1,
            "ts": began,
            "dur": max(_us(ran.until) - began, 0),
            "args": told,
        }
    for number, wait in enumerate(timeline.waited, start=1):
        common = {"name": f"{wait.task}: {wait.gate}", "cat": "wait", "pid": _WAITS, "tid": 0, "id": number}
        yield {"ph": "b", "ts": _us(wait.since), **common, "args": {"gate": wait.gate}}
        yield {"ph": "e", "ts": _us(wait.until), **common}


def _named(what: str, process: int, thread: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "name": what, "pid": process, "tid": thread, "args": {"name": name}}


def _us(moment: float) -> int:
    return round(moment * _US)


def _text(value: object) -> str:
    # Of a name that is no text Python's JSON makes an escape, where msgspec refuses it.
    return json.dumps(value) + "\n"
