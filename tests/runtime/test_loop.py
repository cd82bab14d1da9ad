from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any

import pytest
from tests.executors.told import in_a_loop

from weft.model.outcome import Outcome
from weft.model.plan import Plan
from weft.planning.prepare import prepare
from weft.runtime.loop import TurnLoop
from weft.scheduling.actions import Action, StartAttempt
from weft.scheduling.events import AttemptFinished, CancelRequested, PlanClosed, TasksSubmitted
from weft.scheduling.facts import AttemptStarted, Fact, RunEnded, RunStarted, TaskAdded, TaskEnded
from weft.scheduling.scheduler import Scheduler
from weft.testing import ManualClock, ScriptedExecutor, plan, succeeded, task

CHAIN = plan(task("a"), task("b", needs=["a"]))


class Turns:
    """A turn loop around a real scheduler; notes what it does, in order."""

    def __init__(self, script: Mapping[int, Outcome] | None = None) -> None:
        self.done: list[tuple[str, Any]] = []
        self.crashed_by: list[BaseException] = []
        self.scheduler = Scheduler(max_concurrent=2)
        self.loop = TurnLoop(
            self.scheduler,
            ManualClock(),
            record=lambda facts: self.done.append(("record", facts)),
            perform=self.perform,
            publish=self.publish,
            crashed=self.crashed_by.append,
        )
        self.executor = ScriptedExecutor(self.ended, script)

    def submit(self, of: Plan) -> None:
        self.loop.post(TasksSubmitted(prepare(of).tasks))

    def ended(self, attempt: Any, outcome: Outcome) -> None:
        self.loop.post(AttemptFinished(attempt, outcome))

    def perform(self, action: Action) -> None:
        self.done.append(("perform", action))
        if isinstance(action, StartAttempt):
            self.executor.start(action.attempt, "a job")

    def publish(self, facts: Sequence[Fact]) -> None:
        self.done.append(("publish", facts))

    @property
    def steps(self) -> list[str]:
        return [name for name, _ in self.done]

    @property
    def turns(self) -> list[list[type]]:
        return [[type(fact) for fact in what] for name, what in self.done if name == "publish"]


@in_a_loop
async def test_facts_are_recorded_before_actions_are_performed_and_published_after() -> None:
    turns = Turns()
    turns.submit(CHAIN)
    assert turns.steps == []
    await asyncio.sleep(0)
    assert turns.steps == ["record", "perform", "publish"]
    assert turns.done[0][1] == turns.done[2][1]


@in_a_loop
async def test_events_that_come_together_are_taken_in_one_turn() -> None:
    turns = Turns()
    turns.submit(CHAIN)
    turns.loop.post(CancelRequested((1,)))
    turns.loop.post(PlanClosed())
    await asyncio.sleep(0)
    assert turns.turns == [[RunStarted, TaskAdded, TaskAdded, TaskEnded, AttemptStarted]]


@in_a_loop
async def test_what_ends_at_once_is_taken_in_the_next_turn() -> None:
    turns = Turns(script={0: succeeded(), 1: succeeded()})
    turns.submit(CHAIN)
    turns.loop.post(PlanClosed())
    for _ in range(3):
        await asyncio.sleep(0)
    assert turns.steps == ["record", "perform", "publish"] * 2 + ["record", "publish"]


@in_a_loop
async def test_what_is_asked_after_the_end_is_passed_over() -> None:
    turns = Turns()
    turns.loop.post(PlanClosed())
    turns.loop.post(CancelRequested((0,)))  # in the turn of the end
    await asyncio.sleep(0)
    turns.loop.post(CancelRequested((0,)))  # in a later turn
    await asyncio.sleep(0)
    assert turns.turns == [[RunStarted, RunEnded], []]
    assert turns.crashed_by == []


@in_a_loop
async def test_a_turn_that_breaks_down_is_told_and_is_the_last(caplog: pytest.LogCaptureFixture) -> None:
    turns = Turns()
    turns.submit(CHAIN)
    turns.submit(CHAIN)  # at positions that are taken: the scheduler raises
    await asyncio.sleep(0)
    turns.loop.post(PlanClosed())
    await asyncio.sleep(0)
    assert [type(error) for error in turns.crashed_by] == [AssertionError]
    assert turns.steps == []
    assert "Exception in callback TurnLoop._turn" in caplog.text


@in_a_loop
async def test_turns_see_no_variables_of_whoever_posts() -> None:
    mine = ContextVar("mine", default="unset")
    seen = []

    class Looking(Turns):
        def publish(self, facts: Sequence[Fact]) -> None:
            seen.append(mine.get())
            mine.set("the turn's")

    mine.set("the caller's")
    Looking().loop.post(PlanClosed())
    await asyncio.sleep(0)
    assert (seen, mine.get()) == (["unset"], "the caller's")
