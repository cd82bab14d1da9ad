"""Why a task is not running: the answer of the gates themselves, asked when somebody wants to know."""

from __future__ import annotations

from collections.abc import Mapping

from weft.model.reason import DependencyPending, WaitReason
from weft.scheduling.admission import Admission
from weft.scheduling.node import Node
from weft.scheduling.states import READY, WAITING


def reasons(node: Node, live: Mapping[int, Node], admission: Admission) -> tuple[WaitReason, ...]:
    """Return every Reason for which ``node`` has not started; none when it has."""
    if node.state is WAITING:
        before = dict.fromkeys(edge.before for edge in node.prepared.edges)
        return tuple(DependencyPending(live[at].prepared.task.id) for at in before if at in live)
    return admission.reasons(node) if node.state is READY else ()
