"""How long a task may take: sets the deadlines of its attempts, and judges what came too late."""

from __future__ import annotations

from weft.model.outcome import Cancelled, Failed, Outcome
from weft.model.reason import CancelReason, Decided, EndReason, GroupReason, NotNeeded, Preempted, TimedOut
from weft.scheduling.deadlines import Deadlines, Due
from weft.scheduling.node import Node, Tries


def begin_attempt(node: Node, deadlines: Deadlines, now: float) -> int:
    """Set the deadlines of the attempt that begins now, and return its number."""
    task = node.prepared.task
    position, timeout = node.prepared.position, task.timeout
    tries = node.tries = node.tries or Tries(now)
    if not tries.n or tries.is_cut:  # while speculation waits for an idle slot its time stands still
        tries.began, tries.is_cut = now, False
        if timeout is not None and timeout.task_s is not None:
            deadlines.set(Due.TASK_TIMEOUT, position, now + timeout.task_s)
    if timeout is not None and timeout.attempt_s is not None:
        deadlines.set(Due.ATTEMPT_TIMEOUT, position, now + timeout.attempt_s)
    tries.n += 1
    return tries.n


def cut(tries: Tries) -> None:
    """Let the attempt that had to make room not count: the time of its task begins anew with the next."""
    tries.n_cut += 1
    tries.is_cut = True


def give_up(node: Node) -> None:
    """Let no other attempt follow the one that runs."""
    if node.tries is not None:
        node.tries.given_up = True


def ask_to_end(node: Node, deadlines: Deadlines) -> None:
    """Forget the deadlines that mean nothing to an attempt that was asked to end."""
    deadlines.drop(Due.ATTEMPT_TIMEOUT, node.prepared.position)
    if not isinstance(node.stop_reason, TimedOut):  # else the time for other attempts may run out meanwhile
        deadlines.drop(Due.TASK_TIMEOUT, node.prepared.position)


def end_attempt(node: Node, deadlines: Deadlines) -> None:
    """Forget the deadlines of an attempt that is over."""
    deadlines.drop(Due.ATTEMPT_TIMEOUT, node.prepared.position)
    deadlines.drop(Due.KILL, node.prepared.position)


def end_task(node: Node, deadlines: Deadlines) -> None:
    """Forget the deadlines of a task that has its outcome."""
    deadlines.drop(Due.TASK_TIMEOUT, node.prepared.position)
    deadlines.drop(Due.RETRY, node.prepared.position)


def late(node: Node, due: Due) -> TimedOut:
    """Return the Reason for a timeout of ``node`` that has come."""
    timeout = node.prepared.task.timeout
    assert timeout is not None, f"{node.prepared} has no time limit"
    whole = due is Due.TASK_TIMEOUT
    limit_s = timeout.task_s if whole else timeout.attempt_s
    assert limit_s is not None, f"{node.prepared} has no such time limit: {due}"
    return TimedOut(limit_s, whole)


def judged(
    stop_reason: CancelReason | TimedOut, outcome: Outcome, stopped: GroupReason | EndReason | None
) -> Outcome:
    """Return the outcome of an attempt that was asked to end for ``stop_reason``.

    ``stopped`` is why nothing of its group starts any more, if that is so: what has only made room is not
    tried again then.
    """
    if isinstance(stop_reason, TimedOut):
        return Failed(stop_reason)  # whatever it has still brought about came too late
    is_left = isinstance(stop_reason, Preempted | NotNeeded | Decided)
    if type(outcome) is Cancelled or (is_left and type(outcome) is Failed):  # it fails as it was cut short
        return Cancelled(stopped if stopped and isinstance(stop_reason, Preempted) else stop_reason)
    return outcome
