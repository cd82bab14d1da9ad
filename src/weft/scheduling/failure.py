"""Failure: what the end of a task means for its group, and what that means for the run.

The run is a group too, the outermost: its members are the tasks and groups that belong to no other, and
it requires all of them. A group is met, or lost, as soon as nothing that is still to come can change it;
it then counts as one member of the group around it. One that is not critical, inside of a group that
requires all, is no member of it: neither its success nor its loss matters there.

A stopped group is decided like any other, by how its tasks end: those that run may still succeed. Knows
names and numbers; what becomes of the tasks is told by Decisions, and done in `scheduler`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil

import msgspec

from weft.model.group import Group, Rest
from weft.model.reason import CriticalFailed, EndReason, GroupLost, GroupMet, Interrupted, RunFailed
from weft.scheduling.states import RunState

RUN = ""  # the name of the outermost group

Because = GroupMet | GroupLost | EndReason


class Decision(msgspec.Struct, frozen=True):
    """``group`` is decided: it is ``met``, or else lost; ``rest`` tells what its other tasks do.

    ``met`` is None where that was decided before, and only its rest is given up.
    """

    group: str
    met: bool | None
    rest: Rest
    because: Because


class _Standing:
    """How a group stands. A member is a task, or a group inside it that counts once it is decided."""

    __slots__ = (
        "because",
        "group",
        "inner",
        "met",
        "n_bad",
        "n_left",
        "n_members",
        "n_succeeded",
        "name",
        "outer",
        "stopped",
        "tasks",
    )

    def __init__(self, name: str, group: Group) -> None:
        self.name = name
        self.group = group
        self.outer: _Standing | None = None
        self.inner: list[_Standing] = []
        self.tasks: list[int] = []  # positions of its own members
        self.n_members = 0
        self.n_left = 0  # that were members, and nobody needed
        self.n_succeeded = 0
        self.n_bad = 0
        self.met: bool | None = None  # not decided
        self.because: Because | None = None  # why it is met, or lost
        self.stopped: Because | None = None  # nothing of it starts any more

    @property
    def required(self) -> int:
        least = self.group.min_required
        if least is None:
            return self.n_members
        if isinstance(least, int):  # those who left are not missed
            return max(least - self.n_left, min(least, self.n_members))
        # A share such as 0.07 of 100 is no more than 7, whatever a float makes of it.
        return ceil(round(least * self.n_members, 9))

    def counts(self, inner: _Standing) -> bool:
        """Tell whether a group inside this one is a member of it."""
        return inner.group.critical is not False or self.group.min_required is not None

    def verdict(self, closed: bool) -> bool | None:
        """Return whether the group is met, or None while that can still change; see `Failures.close`."""
        if self.group.min_required is None and self.n_bad:
            return False
        if self.name == RUN:  # its tasks that succeed are not counted: its end tells
            return None
        if not closed and not isinstance(self.group.min_required, int):
            return None
        if self.n_succeeded >= self.required:
            return True
        return False if closed and self.n_members - self.n_bad < self.required else None

    def falls_short(self) -> bool:
        """Tell whether the group would be lost if nothing came after what has ended so far."""
        if self.met is not None:
            return not self.met
        inner = [group for group in self.inner if group.met is None and self.counts(group)]
        return self.n_succeeded + sum(not group.falls_short() for group in inner) < self.required


class Failures:
    """How the groups of a run stand.

    Args:
        groups: as the plan declares them.
        on_failure: what becomes of the rest after a failure that no group tolerates.

    >>> failures = Failures({"survey": Group(min_required=1)}, Rest.CONTINUE)
    >>> failures.join("survey", 0), failures.join("survey", 1), failures.close()
    (None, None, [])
    >>> failures.ended("survey", "survey[a]", True)[0].because
    GroupMet(group='survey', succeeded=1, required=1)
    """

    def __init__(self, groups: Mapping[str, Group], on_failure: Rest) -> None:
        self._run = _Standing(RUN, Group(when_lost=on_failure))
        self._standings = {name: _Standing(name, group) for name, group in groups.items()}
        self._standings[RUN] = self._run
        self._closed = False
        self._degraded = False  # something did not succeed, be it tolerated
        for name, standing in self._standings.items():
            if name != RUN:
                standing.outer = outer = self._standings[standing.group.group or RUN]
                outer.inner.append(standing)
                outer.n_members += outer.counts(standing)

    def join(self, group: str, position: int) -> None:
        """Let the task at ``position`` belong to ``group``."""
        standing = self._standings[group]
        standing.n_members += 1
        standing.tasks.append(position)

    def close(self) -> list[Decision]:
        """Take in that no more tasks will come: shares are of a known number, and groups can be lost."""
        self._closed = True
        return [
            decision for standing in tuple(self._standings.values()) for decision in self._judge(standing)
        ]

    def ended(
        self, group: str | None, task: str, succeeded: bool, *, left_out: bool = False
    ) -> list[Decision]:
        """Take in how ``task`` ended, and return what is decided by that.

        The success of a task without a group decides nothing, and need not be told. One that was
        ``left_out`` because its group had enough does not degrade the run.
        """
        standing = self._standings[group or RUN]
        # What needs a task that was left out elsewhere was not left out, whatever it is told.
        left_out = left_out and isinstance(standing.stopped, GroupMet)
        self._degraded = self._degraded or not (succeeded or left_out)
        return list(self._count(standing, task, succeeded))

    def leave(self, group: str) -> list[Decision]:
        """Let a task that nobody needs be no member of ``group`` any more; return what is decided by that."""
        standing = self._standings[group]
        standing.n_members -= 1
        standing.n_left += 1
        return list(self._judge(standing))

    def give_up(self, group: str | None, because: EndReason) -> list[Decision]:
        """Give up what is left of ``group``, or of the run, for a reason outside of what its tasks bring.

        It is lost by that, if it is not decided.
        """
        standing = self._standings[group or RUN]
        if isinstance(standing.stopped, Interrupted):
            return []  # nothing is left to give up
        return list(self._decide(standing, False, Rest.CANCEL, because))

    def state(self) -> RunState:
        """Return how the run, all of whose tasks have ended, has ended."""
        if isinstance(self._run.stopped, Interrupted):
            return RunState.INTERRUPTED
        if self._run.met is False:
            return RunState.FAILED
        return RunState.DEGRADED if self._degraded else RunState.SUCCEEDED

    def stopped(self, group: str | None) -> Because | None:
        """Return why nothing of ``group`` starts any more, or None while it does."""
        return self._standings[group or RUN].stopped

    def met(self, group: str | None) -> bool | None:
        """Return whether ``group`` is met, or None while that is not decided; the run is never met early."""
        return self._standings[group or RUN].met

    def outer(self, group: str) -> str | None:
        """Return the group in which ``group`` counts as a member, or None where that is the run."""
        standing = self._standings[group]
        outer = standing.outer
        return outer.name or None if outer is not None and outer.counts(standing) else None

    def loss(self, group: str) -> Because | None:
        """Return why ``group`` is lost, or None while it is not."""
        standing = self._standings[group]
        return standing.because if standing.met is False else None

    def shortfall(self, group: str) -> Because | None:
        """Return what is told to those who need ``group``, all of whose tasks have ended; None: go ahead."""
        standing = self._standings[group]
        if not standing.falls_short():
            return None
        return standing.because or GroupLost(group, standing.n_succeeded, standing.required)

    def tasks(self, group: str) -> Iterator[int]:
        """Yield the positions of the tasks of ``group`` and of the groups inside it."""
        standing = self._standings[group]
        yield from standing.tasks
        for inner in standing.inner:
            yield from self.tasks(inner.name)

    def _count(self, standing: _Standing, member: str, succeeded: bool) -> Iterator[Decision]:
        if succeeded:
            standing.n_succeeded += 1
        else:
            standing.n_bad += 1
        yield from self._judge(standing, member)

    def _judge(self, standing: _Standing, member: str = "") -> Iterator[Decision]:
        if standing.met is not None or (verdict := standing.verdict(self._closed)) is None:
            return
        group = standing.group
        because: Because
        if verdict:
            because = GroupMet(standing.name, standing.n_succeeded, standing.required)
        elif standing is self._run:
            because = RunFailed(member)
        else:
            because = GroupLost(standing.name, standing.n_succeeded, standing.required)
        rest = group.when_met if verdict else group.rest_when_lost
        yield from self._decide(standing, verdict, rest, because)

    def _decide(self, standing: _Standing, met: bool, rest: Rest, because: Because) -> Iterator[Decision]:
        """Let the group be decided, if it is not, with all that follows for those inside and around it."""
        was_open = standing.met is None
        if was_open:
            standing.met, standing.because = met, because
            self._degraded = self._degraded or not (met or isinstance(standing.stopped, GroupMet))
        yield Decision(standing.name, met if was_open else None, rest, because)
        if rest is not Rest.CONTINUE:
            _stop(standing, because)
        if was_open and standing.outer is not None:
            yield from self._pass_on(standing, standing.outer)

    def _pass_on(self, standing: _Standing, outer: _Standing) -> Iterator[Decision]:
        """Let the group around one that was decided know."""
        met = standing.met is True
        # Where the outer group was stopped, the loss of what is inside is not news that ends a run.
        if standing.group.critical and not met and outer.stopped is None:
            yield from self._decide(self._run, False, Rest.CANCEL, CriticalFailed(standing.name))
        if outer.counts(standing):
            yield from self._count(outer, standing.name, met)


def _stop(standing: _Standing, because: Because) -> None:
    """Let nothing of the group, and of those inside it, start any more."""
    # What stopped it first stays the reason; but a run that was interrupted ends as such.
    if standing.stopped is None or isinstance(because, Interrupted):
        standing.stopped = because
    for inner in standing.inner:
        _stop(inner, because)
