"""A disk that is a dictionary, and two ways to run a program on it: one by one, and many at once.

Many at once is the real scheduler in virtual time: a task reads at its start, writes now and then, and
reads again at its end. What it does in a place of its own comes to the disk when it is brought back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from hashlib import blake2b
from heapq import heappop, heappush
from random import Random
from typing import NamedTuple

import msgspec
from tests.properties.programs import Doing, Program, Write

from weft.model.attempt import Attempt
from weft.scheduling.actions import BringBack, StartAttempt
from weft.scheduling.events import AttemptFinished, BroughtBack, Event, PlanClosed
from weft.scheduling.scheduler import Step
from weft.testing import Sim, failed, succeeded

Disk = dict[str, str]
Seen = dict[str, str | None]


class End(NamedTuple):
    """What a run has left behind."""

    files: Disk
    succeeded: frozenset[int]
    failed: frozenset[int]


class ChangedWhileRead(AssertionError):
    """A task found something else at its end than at its start."""


def before_the_run() -> Disk:
    return {"a.txt": "from before", "d/e/x1": "from before", "o/x2": "from before"}


def run_one_by_one(program: Program) -> End:
    """Do the tasks one after the other, in program order."""
    disk, succeeded, failed = before_the_run(), set[int](), set[int]()
    places = Places(program, disk)
    for position in program.order:
        doing = program.doings[position]
        if program.is_skipped(position, succeeded):
            continue
        (failed if doing.fails else succeeded).add(position)
        if program.task(position).brings_back:
            places.bring_all(position, succeeded)
            continue
        where = places.open(position)
        seen = read(where, doing)
        for write in doing.writes:
            carry_out(where, write, mixed(program.names[position], seen))
        if program.task(position).is_merged and not doing.fails:
            places.bring(position)
    return End(disk, frozenset(succeeded), frozenset(failed))


def run_many_at_once(program: Program, chance: Random) -> End:
    """Do the tasks as the scheduler says; how long each takes, and when it writes, is left to chance.

    Raises:
        ChangedWhileRead: something that a task reads, and does not write itself, was changed meanwhile.
        AssertionError: an invariant of the scheduler is broken.
    """
    return _World(program, chance).run()


def read(disk: Disk, doing: Doing) -> Seen:
    return {file: disk.get(file) for file in doing.reads}


def mixed(name: str, seen: Seen) -> str:
    return f"{name}:{blake2b(repr(seen).encode(), digest_size=6).hexdigest()};"


def carry_out(disk: Disk, write: Write, text: str) -> None:
    if write.how == "remove":
        disk.pop(write.file, None)
    else:
        disk[write.file] = text if write.how == "replace" else disk.get(write.file, "") + text


class Places:
    """Where the tasks of a program work: on the disk, or on a copy that was made when they began."""

    def __init__(self, program: Program, disk: Disk) -> None:
        self._program = program
        self._disk = disk
        self._places: dict[str, Disk] = {}

    def open(self, position: int) -> Disk:
        """Return where a task works that begins now."""
        name = self._program.place_of(position)
        return self._disk if name is None else self._places.setdefault(name, dict(self._disk))

    def bring(self, position: int) -> None:
        """Bring back what a task has written."""
        place = self.open(position)
        for write in self._program.doings[position].writes:
            if write.file in place:
                self._disk[write.file] = place[write.file]
            else:
                self._disk.pop(write.file, None)

    def bring_all(self, position: int, succeeded: Iterable[int]) -> None:
        """Bring back what those have written of whom the task at ``position`` does it."""
        for member in sorted(set(self._program.brought_by(position)) & set(succeeded)):
            self.bring(member)


class _World:
    """One run: all that will happen, by the moment when it will."""

    def __init__(self, program: Program, chance: Random) -> None:
        self._program = program
        self._chance = chance
        self._disk = before_the_run()
        self._places = Places(program, self._disk)
        self._ended: dict[bool, set[int]] = {True: set(), False: set()}
        self._to_come: list[tuple[float, int, Callable[[], None]]] = []
        self._n_scheduled = 0
        self._sim = Sim(msgspec.structs.replace(program.prepared.plan, tasks=()))
        self._sim.submit_prepared(program.prepared.tasks)

    def run(self) -> End:
        sim = self._sim
        for node in sorted(sim.scheduler.live.items()):
            if node[1].attempt is not None:
                self._start(node[1].attempt)
        self._take(PlanClosed())
        while self._to_come:
            moment, _, happen = heappop(self._to_come)
            sim.clock.advance_to(moment)
            happen()
        assert sim.ended is not None, f"tasks that never end: {sorted(sim.scheduler.live)}"
        return End(self._disk, frozenset(self._ended[True]), frozenset(self._ended[False]))

    def _take(self, event: Event) -> None:
        step: Step = self._sim.step(event)
        for action in step.actions:
            if isinstance(action, StartAttempt):
                self._start(action.attempt)
            elif isinstance(action, BringBack):
                self._at(self._sim.clock.now + self._chance.random(), partial(self._bring, action.task))

    def _bring(self, position: int) -> None:
        self._places.bring(position)
        self._take(BroughtBack(position))

    def _at(self, moment: float, happen: Callable[[], None]) -> None:
        self._n_scheduled += 1
        heappush(self._to_come, (moment, self._n_scheduled, happen))

    def _start(self, attempt: Attempt) -> None:
        chance, doing = self._chance, self._program.doings[attempt.task]
        now = self._sim.clock.now
        if self._program.task(attempt.task).brings_back:
            self._at(now + chance.random(), partial(self._bring_all, attempt))
            return
        disk = self._places.open(attempt.task)
        seen = read(disk, doing)
        end = now + chance.choice((0.0, 0.1, 1.0, chance.random(), 5 * chance.random()))
        text = mixed(self._program.names[attempt.task], seen)
        moments = sorted(chance.choice((end, chance.uniform(now, end))) for _ in doing.writes)
        for moment, write in zip(moments, doing.writes, strict=True):
            self._at(moment, partial(carry_out, disk, write, text))
        self._at(end, partial(self._end, attempt, seen))

    def _bring_all(self, attempt: Attempt) -> None:
        self._places.bring_all(attempt.task, self._ended[True])
        self._ended[True].add(attempt.task)
        self._take(AttemptFinished(attempt, succeeded()))

    def _end(self, attempt: Attempt, seen: Seen) -> None:
        doing = self._program.doings[attempt.task]
        own = {write.file for write in doing.writes}
        # Nobody touches what a task reads, wherever it works itself; but members of a group see their own.
        is_of_group = self._program.task(attempt.task).group is not None
        disk = self._places.open(attempt.task) if is_of_group else self._disk
        for file, content in seen.items():
            if file not in own and disk.get(file) != content:
                raise ChangedWhileRead(f"{file}, read by {self._program.names[attempt.task]}")
        self._ended[not doing.fails].add(attempt.task)
        self._take(AttemptFinished(attempt, failed() if doing.fails else succeeded()))
