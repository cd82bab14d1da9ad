from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.model.limits import Pool
from weft.model.lock import Hold
from weft.model.retry import Jitter, Retry
from weft.scheduling.facts import TaskAdded, TaskEnded
from weft.testing import Sim, failed, plan, simulate, task
from weft.views.metrics import metrics_of
from weft.views.timeline import Ran, Timeline, Waited, timeline_of
from weft.views.timeline_drawing import draw
from weft.views.timeline_export import as_json, chrome

GOLDEN = Path(__file__).with_name("golden")


def golden(name: str, text: str) -> None:
    page = GOLDEN / name
    if os.environ.get("WEFT_WRITE_GOLDEN"):
        page.write_text(text, encoding="utf-8")
    assert text == page.read_text(encoding="utf-8")


class Named(msgspec.Struct, tag="M", tag_field="ph", forbid_unknown_fields=True):
    name: Literal["process_name", "thread_name"]
    pid: int
    tid: int
    args: dict[Literal["name"], str]


class Complete(msgspec.Struct, tag="X", tag_field="ph", forbid_unknown_fields=True):
    name: str
    cat: str
    pid: int
    tid: int
    ts: int
    dur: int
    args: dict[str, Any]

    def __post_init__(self) -> None:
        assert self.ts >= 0
        assert self.dur >= 0


class Begin(msgspec.Struct, tag="b", tag_field="ph", forbid_unknown_fields=True):
    name: str
    cat: str
    id: int
    pid: int
    tid: int
    ts: int
    args: dict[str, str]


class End(msgspec.Struct, tag="e", tag_field="ph", forbid_unknown_fields=True):
    name: str
    cat: str
    id: int
    pid: int
    tid: int
    ts: int


class Trace(msgspec.Struct, forbid_unknown_fields=True):
    """What Chromium's document on its "Trace Event Format" asks of the kinds of events that we write."""

    traceEvents: list[Named | Complete | Begin | End]  # noqa: N815 - the format's own name
    displayTimeUnit: Literal["ms", "ns"]  # noqa: N815


@pytest.fixture
def run() -> Sim:
    """A run in which tasks wait at gates of several kinds."""
    run = Sim(
        plan(
            task("fetch", duration_s=4.0),
            task("train[a]", family="train", duration_s=8.0, needs=["fetch"], limits={"gpu": 1}),
            task("train[b]", family="train", duration_s=6.0, needs=["fetch"], limits={"gpu": 1}),
            task("flaky", duration_s=1.0, retry=Retry(3, base_s=2.0, jitter=Jitter.NONE)),
            task("write", duration_s=2.0, writes=["x"]),
            task("read", duration_s=1.0, reads=["x"]),
            task("deploy", duration_s=1.0, locks={"production": Hold.EXCLUSIVE}, needs=["train"]),
            task("never", needs=["flaky"]),
            task("nothing", duration_s=0.0),
            limits={"gpu": Pool(1)},
            max_concurrent=3,
        )
    )
    run.play({"flaky": failed()})
    return run


@given(st.integers(0, 2**32))
def test_lanes_never_overlap_and_there_are_no_more_than_slots(seed: int) -> None:
    simulation = simulate(seed)
    timeline = timeline_of(simulation.facts)
    assert timeline.n_lanes <= (simulation.plan.max_concurrent or 0)
    for lane in range(timeline.n_lanes):
        its = [ran for ran in timeline.ran if ran.lane == lane]
        assert its
        assert all(one.until <= other.since for one, other in pairwise(its))


@given(st.integers(0, 2**32))
def test_attempts_and_waits_fill_the_time_of_each_task_without_gaps(seed: int) -> None:
    facts = simulate(seed).facts
    timeline = timeline_of(facts)
    ids = {fact.task: fact.id for fact in facts if isinstance(fact, TaskAdded)}
    added = {fact.id: fact.at for fact in facts if isinstance(fact, TaskAdded)}
    ended = {ids[fact.task]: fact.at for fact in facts if isinstance(fact, TaskEnded)}
    pieces: list[Ran | Waited] = [*timeline.ran, *timeline.waited]
    for one, since in added.items():
        moments = [(each.since, each.until) for each in pieces if each.task == one]
        at = since
        for begins, ends in sorted(moments):
            assert begins == pytest.approx(at)
            at = ends
        assert at == pytest.approx(ended[one])


@given(st.integers(0, 2**32))
def test_metrics_and_timeline_agree(seed: int) -> None:
    facts = simulate(seed).facts
    timeline, metrics = timeline_of(facts), metrics_of(facts)
    assert timeline.critical == metrics.critical_path
    waited: dict[str, float] = {}
    for wait in timeline.waited:
        waited[wait.gate] = waited.get(wait.gate, 0.0) + wait.until - wait.since
    assert waited == pytest.approx(metrics.run.waits)


@given(st.integers(0, 2**32))
def test_the_chrome_trace_keeps_to_its_format_and_its_lanes_do_not_overlap(seed: int) -> None:
    simulation = simulate(seed)
    timeline = timeline_of(simulation.facts)
    trace = msgspec.json.decode(chrome(timeline), type=Trace)
    complete = [event for event in trace.traceEvents if isinstance(event, Complete)]
    assert len(complete) == len(timeline.ran)
    lanes = {event.tid for event in complete}
    assert len(lanes) <= (simulation.plan.max_concurrent or 0)
    for lane in lanes:
        its = [event for event in complete if event.tid == lane]
        assert all(one.ts + one.dur <= other.ts for one, other in pairwise(its))
    begun = {event.id: event for event in trace.traceEvents if isinstance(event, Begin)}
    ends = {event.id: event for event in trace.traceEvents if isinstance(event, End)}
    assert begun.keys() == ends.keys()
    assert all(begun[id].ts <= ends[id].ts and begun[id].name == ends[id].name for id in begun)


def test_a_run_is_drawn_with_its_lanes_its_critical_path_and_the_gates(run: Sim) -> None:
    timeline = timeline_of(run.facts)
    golden("timeline_80.txt", draw(timeline))
    golden("timeline_40.txt", draw(timeline, 40))
    assert all(len(line) <= 80 for line in draw(timeline).splitlines())


def test_the_json_holds_all_of_it(run: Sim) -> None:
    golden("timeline.json", json.dumps(json.loads(as_json(timeline_of(run.facts))), indent=2) + "\n")


def test_a_run_that_goes_on_is_drawn_until_now() -> None:
    run = Sim(plan(task("a"), task("b", needs=["a"])))
    run.pass_to(3.0)
    run.submit(task("late"))
    timeline = timeline_of(run.facts)
    assert [(ran.task, ran.until, ran.state) for ran in timeline.ran] == [
        ("a", 3.0, "running"),
        ("late", 3.0, "running"),
    ]
    assert [(wait.task, wait.gate, wait.until) for wait in timeline.waited] == [("b", "dependency", 3.0)]


def test_a_run_without_facts_has_an_empty_timeline() -> None:
    assert timeline_of(()) == Timeline()
    assert draw(Timeline()) == "0 tasks ran, 0 attempts at once at most\n"
    assert msgspec.json.decode(chrome(Timeline()), type=Trace).traceEvents


def test_very_many_lanes_and_a_very_long_path_are_cut() -> None:
    run = Sim(
        plan(
            *(task(f"wide[{n}]") for n in range(60)),
            *(task(f"c{n}", needs=[f"c{n - 1}"] if n else []) for n in range(30)),
        )
    )
    run.play()
    drawing = draw(timeline_of(run.facts))
    assert "and 21 lanes more" in drawing
    assert "and 10 tasks more" in drawing


def test_names_that_are_no_text_or_would_move_the_cursor_are_shown_as_escapes() -> None:
    run = Sim(plan(task("caf\udce9\x1b[2J")))
    run.play()
    timeline = timeline_of(run.facts)
    assert "\x1b" not in draw(timeline)
    assert draw(timeline).encode()
    for text in (chrome(timeline), as_json(timeline)):
        assert text.encode()
