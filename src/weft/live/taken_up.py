"""What a run takes over from an earlier one, and what of that one runs again and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from weft.live.wording import count, listed, one_line
from weft.model.reason import AgainReason
from weft.model.sentences import sentence
from weft.scheduling.facts import Fact, RunStarted, TaskAdded, TaskTakenUp

CAUSES_SHOWN = 10


def taken_up_lines(facts: Sequence[Fact]) -> Iterator[str]:
    """Yield the lines for the facts of a turn; none, save where the tasks of a resumed run come.

    >>> from weft.model.reason import TaskChanged
    >>> facts = [TaskAdded(0.0, 0, "a"), TaskAdded(0.0, 1, "b")]
    >>> facts += [TaskTakenUp(0.0, 0, "r1"), TaskTakenUp(0.0, 1, "r1", TaskChanged(("command",)))]
    >>> print(*taken_up_lines(facts), sep="; ")
    resuming r1: 1 task is done, 1 runs again;   b: it has changed: command
    """
    if not facts or type(facts[0]) not in (RunStarted, TaskAdded):
        return  # nearly always: a run is resumed when its tasks come
    taken_up = [fact for fact in facts if type(fact) is TaskTakenUp]
    if not taken_up:
        return
    ids = {fact.task: fact.id for fact in facts if type(fact) is TaskAdded}
    causes: dict[AgainReason, list[str]] = {}
    for fact in taken_up:
        if fact.again is not None:
            causes.setdefault(fact.again, []).append(ids[fact.task])
    n_again = sum(len(tasks) for tasks in causes.values())
    n_done = len(taken_up) - n_again
    done = f"{count(n_done, 'task')} {'is' if n_done == 1 else 'are'} done"
    yield f"resuming {taken_up[0].run}: {done}, {n_again} {'runs' if n_again == 1 else 'run'} again"
    for again, tasks in islice(causes.items(), CAUSES_SHOWN):
        yield f"  {listed(tasks)}: {one_line(sentence(again))}"
    if len(causes) > CAUSES_SHOWN:
        yield f"  and more, for {count(len(causes) - CAUSES_SHOWN, 'other cause')}"
