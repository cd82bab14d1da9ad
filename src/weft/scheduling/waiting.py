"""Why a task is not running: the answer of the gates themselves, asked when somebody wants to know."""

from __future__ import annotations

from weft.model.reason import AsksOthers, BackingOff, DependencyPending, WaitReason
from weft.scheduling.admission import Admission
from weft.scheduling.deadlines import Deadlines, Due
from weft.scheduling.node import Node
from weft.scheduling.states import ASKING, BACKOFF, READY, WAITING
from weft.scheduling.tasks import Tasks


def reasons(node: Node, tasks: Tasks, admission: Admission, deadlines: Deadlines) -> tuple[WaitReason, ...]:
    """Return every Reason for which ``node`` has not started; none when it has."""
    if node.state is BACKOFF:
        assert node.tries is not None, f"{node.prepared} backs off and was never tried"
        return (BackingOff(node.tries.n + 1, deadlines.moment(Due.RETRY, node.prepared.position)),)
    if node.state is ASKING:
        return (AsksOthers(admission.shares.of(node.prepared.task)),)
    if node.state is not WAITING:
        return admission.reasons(node) if node.state is READY else ()
    before = {edge.before: None for edge in node.prepared.edges}
    waiting = list(before)
    for position in waiting:  # grows while it is walked
        if position in tasks.passed_over:
            further = [edge.before for edge in tasks.passed_over[position].prepared.edges]
            waiting += [position for position in further if position not in before]
            before.update(dict.fromkeys(further))
    return tuple([DependencyPending(tasks.live[at].prepared.task.id) for at in before if at in tasks.live])
