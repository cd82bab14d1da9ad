"""Why a task is not running: the answer of the gates themselves, asked when somebody wants to know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from weft.model.reason import AsksOthers, BackingOff, DependencyPending, MergePending, WaitReason
from weft.planning.graph import Edge
from weft.scheduling.admission import Admission
from weft.scheduling.deadlines import Deadlines, Due
from weft.scheduling.node import Node
from weft.scheduling.states import ASKING, BACKOFF, MERGING, READY, WAITING
from weft.scheduling.tasks import Tasks


class Queue(msgspec.Struct, frozen=True):
    """About ``count`` tasks wait for the same; the first of them for ``because``."""

    count: int
    because: WaitReason


def queues(admission: Admission) -> list[Queue]:
    """Return what READY tasks wait for, the longest queue first."""
    found: dict[WaitReason, int] = {}
    for line in admission.lines.values():
        head = line.head() if line else None
        if head is not None:
            because = admission.reasons(head)[0]
            found[because] = found.get(because, 0) + len(line)
    longest_first = sorted(found.items(), key=lambda queue: -queue[1])
    return [Queue(count, because) for because, count in longest_first]


def reasons(node: Node, tasks: Tasks, admission: Admission, deadlines: Deadlines) -> tuple[WaitReason, ...]:
    """Return every Reason for which ``node`` has not started, or what it made was not brought back."""
    if node.state is BACKOFF:
        assert node.tries is not None, f"{node.prepared} backs off and was never tried"
        return (BackingOff(node.tries.n + 1, deadlines.moment(Due.RETRY, node.prepared.position)),)
    if node.state is ASKING:
        return (AsksOthers(admission.shares.of(node.prepared.task)),)
    if node.state is MERGING:
        return tuple(
            [MergePending(task) for task in _named(tasks, _unended(node.prepared.merges_after, tasks))]
        )
    if node.state is not WAITING:
        return admission.reasons(node) if node.state is READY else ()
    return tuple([DependencyPending(task) for task in _named(tasks, _unended(node.prepared.edges, tasks))])


def _unended(edges: Iterable[Edge], tasks: Tasks) -> Iterator[int]:
    """Yield what has not ended before ``edges``; of what was passed over, what it would have waited for."""
    before = {edge.before: None for edge in edges}
    waiting = list(before)
    for position in waiting:  # grows while it is walked
        if position in tasks.passed_over:
            prepared = tasks.passed_over[position].prepared
            further = [edge.before for edge in (*prepared.edges, *prepared.merges_after)]
            waiting += [position for position in further if position not in before]
            before.update(dict.fromkeys(further))
    return iter(before)


def _named(tasks: Tasks, positions: Iterable[int]) -> list[str]:
    return [tasks.live[position].prepared.task.id for position in positions if position in tasks.live]
