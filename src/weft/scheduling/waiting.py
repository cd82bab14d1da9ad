"""Why a task is not running: the answer of the gates themselves, asked when somebody wants to know."""

from __future__ import annotations

from collections.abc import Mapping

from weft.model.reason import DependencyPending, WaitReason
from weft.scheduling.admission import Admission
from weft.scheduling.node import Node
from weft.scheduling.states import READY, WAITING


def reasons(
    node: Node, live: Mapping[int, Node], passed_over: Mapping[int, Node], admission: Admission
) -> tuple[WaitReason, ...]:
    """Return every Reason for which ``node`` has not started; none when it has."""
    if node.state is not WAITING:
        return admission.reasons(node) if node.state is READY else ()
    before = {edge.before: None for edge in node.prepared.edges}
    waiting = list(before)
    for position in waiting:  # grows while it is walked
        if position in passed_over:
            further = [edge.before for edge in passed_over[position].prepared.edges]
            waiting += [position for position in further if position not in before]
            before.update(dict.fromkeys(further))
    return tuple([DependencyPending(live[at].prepared.task.id) for at in before if at in live])
