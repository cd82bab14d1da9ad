"""The run as a stream of JSON objects, one per line on standard output, for programs.

The schema is told in docs/events.md, and changes there and here together.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, assert_never

import msgspec

from weft.live.log import log_of
from weft.live.streams import Streams
from weft.live.values import as_json
from weft.model.attempt import Attempt
from weft.model.outcome import Outcome, Succeeded
from weft.model.reason import Reason
from weft.model.sentences import outcome_sentence, sentence
from weft.runtime.layout import RunFolder
from weft.scheduling.facts import (
    AttemptEnded,
    AttemptStarted,
    CacheHit,
    CacheMissed,
    Fact,
    GaveUp,
    GroupDecided,
    HealthChanged,
    LineHeld,
    MergeEnded,
    MergeStarted,
    NotCached,
    RetryScheduled,
    RunEnded,
    RunInterrupted,
    RunStarted,
    RunStopping,
    SharesAsked,
    StopAsked,
    TaskAdded,
    TaskEnded,
    TaskQueued,
    TaskTakenUp,
    UndeclaredWrites,
)
from weft.scheduling.states import NAME_AFTER
from weft.views.progress import Progress, TaskProgress
from weft.views.report import Report

# Grows when a program that reads the stream would have to change; new keys and events don't count.
SCHEMA = 1

NAMES: dict[type[Fact], str] = {
    RunStarted: "run_started",
    TaskAdded: "task_added",
    TaskTakenUp: "task_taken_up",
    TaskQueued: "task_queued",
    LineHeld: "line_held",
    SharesAsked: "shares_asked",
    AttemptStarted: "attempt_started",
    StopAsked: "stop_asked",
    AttemptEnded: "attempt_ended",
    CacheHit: "cache_hit",
    CacheMissed: "cache_missed",
    NotCached: "not_cached",
    UndeclaredWrites: "undeclared_writes",
    MergeStarted: "merge_started",
    MergeEnded: "merge_ended",
    RetryScheduled: "retry_scheduled",
    GaveUp: "gave_up",
    TaskEnded: "task_ended",
    GroupDecided: "group_decided",
    HealthChanged: "health_changed",
    RunStopping: "run_stopping",
    RunInterrupted: "run_interrupted",
}

# Moments finer than this are noise.
DECIMALS = 6


class JsonDisplay:
    """Writes one object per fact; moments are seconds since the first one."""

    def __init__(self, streams: Streams, folder: RunFolder | None = None) -> None:
        self._streams = streams
        self._folder = folder
        self._progress = Progress()
        self._ended_at = 0.0

    def show(self, facts: Sequence[Fact]) -> None:
        """Write the events of these facts, all at once."""
        if not facts:
            return
        is_told = self._progress.began is not None or isinstance(facts[0], RunStarted)
        events = [] if is_told else [self._run_started(None)]
        for fact in facts:
            event = self._event(fact)
            if event is not None:
                events.append(event)
        self._write(events)

    def tick(self) -> None:
        """Do nothing: a program reads the clock itself."""

    def finish(self, report: Report) -> None:
        """Write the last event."""
        progress = self._progress
        counts = {
            "succeeded": progress.succeeded,
            "failed": progress.failed,
            "cancelled": progress.cancelled,
            "skipped": progress.skipped,
        }
        aggregates = {
            name: msgspec.to_builtins(made, enc_hook=str) for name, made in report.aggregates.items()
        }
        end = {
            "event": "run_ended",
            "at": self._ended_at,
            "state": report.state.value,
            "counts": counts,
            "groups": msgspec.to_builtins(report.groups),
            "health": msgspec.to_builtins(report.health),
            "aggregates": aggregates,
        }
        self._write([end] if progress.began is not None else [self._run_started(None), end])

    def close(self) -> None:
        """Let go of what has been written."""
        self._streams.flush()

    def _write(self, events: list[dict[str, Any]]) -> None:
        lines = "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in events)
        # A name that is no text has lone surrogates, and for these JSON has the same escape as Python.
        self._streams.out.data(lines.encode("utf-8", "backslashreplace"))
        self._streams.out.flush()

    def _run_started(self, fact: RunStarted | None) -> dict[str, Any]:
        folder = self._folder
        limits = {"max_concurrent": None, "pools": {}, "rates": {}} if fact is None else _fields(fact)
        return {
            "event": "run_started",
            "schema": SCHEMA,
            "at": 0.0,
            "run": folder.path.name if folder else None,
            "folder": str(folder.path.absolute()) if folder else None,
            **limits,
        }

    def _event(self, fact: Fact) -> dict[str, Any] | None:
        progress = self._progress
        # Looked up first: with its end, a task is forgotten.
        ended = progress.task(fact.task) if isinstance(fact, TaskEnded) else None
        progress.fold(fact)
        if isinstance(fact, RunEnded):
            self._ended_at = self._moment(fact.at)
            return None  # told by `finish`: the last line is the last
        if isinstance(fact, RunStarted):
            return self._run_started(fact)
        return {"event": NAMES[type(fact)], "at": self._moment(fact.at), **self._told(fact, ended)}

    def _told(self, fact: Fact, ended: TaskProgress | None) -> dict[str, Any]:
        """Return what an event tells besides its name and its moment."""
        progress = self._progress
        match fact:
            case TaskAdded(_, _, task, family, duration_s, group, needs, hazards):
                # Of a task that has ended nobody needs the name any more: its place stands for it.
                return {
                    "task": task,
                    "family": family,
                    "duration_s": duration_s,
                    "group": group,
                    "needs": needs,
                    "hazards": hazards,
                    "limits": fact.limits,
                    "locks": fact.locks,
                    "merges_after": fact.merges_after,
                }
            case TaskTakenUp(_, position, run, again):
                why = {} if again is None else _because(again)
                return {"task": progress.task(position).id, "run": run, "again": again is not None, **why}
            case AttemptStarted() | CacheHit():
                return self._attempt(fact.attempt)
            case StopAsked():
                why = {} if fact.because is None else _because(fact.because)
                return {**self._attempt(fact.attempt), "force": fact.force, **why}
            case AttemptEnded():
                return {**self._attempt(fact.attempt), **_outcome(fact.outcome)}
            case CacheMissed():
                return {**self._attempt(fact.attempt), **_because(fact.because)}
            case NotCached():
                return {"task": self._progress.task(fact.task).id, **_because(fact.because)}
            case UndeclaredWrites():
                return {"task": self._progress.task(fact.task).id, "paths": fact.paths}
            case MergeStarted():
                return {"task": self._progress.task(fact.task).id}
            case MergeEnded():
                return {"task": self._progress.task(fact.task).id, **self._merged(fact)}
            case RetryScheduled():
                return {**self._attempt(fact.attempt), "due": self._moment(fact.due)}
            case GaveUp():
                return {**self._attempt(fact.attempt), **_because(fact.because)}
            case TaskEnded():
                assert ended is not None
                return {"task": ended.id, **self._end(ended, fact.outcome)}
            case GroupDecided():
                return {"group": fact.group, "met": fact.met, "outer": fact.outer, **_because(fact.because)}
            case HealthChanged() | RunInterrupted():
                return _fields(fact)
            case RunStopping():
                return _because(fact.because)
            case TaskQueued():
                return {"task": self._progress.task(fact.task).id, "line": fact.line}
            case LineHeld():
                why = {"because": None, "sentence": None} if fact.because is None else _because(fact.because)
                return {"line": fact.line, **why}
            case SharesAsked():
                return {"task": self._progress.task(fact.task).id}
            case RunStarted() | RunEnded():
                raise AssertionError(f"{fact} is told elsewhere")
            case _:
                assert_never(fact)

    def _merged(self, fact: MergeEnded) -> dict[str, Any]:
        why = {} if fact.failure is None else _because(fact.failure)
        told = {"changed": fact.changed, "overruled": fact.overruled, "left_out": fact.left_out}
        return {"merged": fact.failure is None, **told, **why}

    def _moment(self, at: float) -> float:
        return round(at - (self._progress.began or 0.0), DECIMALS)

    def _attempt(self, attempt: Attempt) -> dict[str, Any]:
        return {"task": self._progress.task(attempt.task).id, "attempt": attempt.number}

    def _end(self, task: TaskProgress, outcome: Outcome) -> dict[str, Any]:
        end = _outcome(outcome)
        end["attempts"] = task.attempts
        end["seconds"] = None if task.spent_s is None else round(task.spent_s, DECIMALS)
        if isinstance(outcome, Succeeded):
            end["value"] = as_json(outcome.value)
        elif self._folder is not None and task.spent_s is not None:
            log = log_of(self._folder, task.id)
            end["log"] = str(log.absolute()) if log else None
        return end


def _fields(fact: Fact) -> dict[str, Any]:
    """Return all that ``fact`` holds, without what every event has."""
    fields: dict[str, Any] = msgspec.to_builtins(fact)
    return {name: value for name, value in fields.items() if name not in ("type", "at")}


def _because(because: Reason) -> dict[str, Any]:
    """Return a Reason as data and in words."""
    return {"because": msgspec.to_builtins(because), "sentence": sentence(because)}


def _outcome(outcome: Outcome) -> dict[str, Any]:
    """Return the state, and for all but success the Reason as data and in words."""
    state = NAME_AFTER[type(outcome)]
    if isinstance(outcome, Succeeded):
        return {"state": state}
    because = msgspec.to_builtins(outcome.because)
    return {"state": state, "because": because, "sentence": outcome_sentence(outcome)}
