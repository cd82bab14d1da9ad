"""What holds between any two steps of a scheduler, whatever happened before.

Walks the whole state, so it is for tests and simulations. Knows what must hold and nothing of how
it is brought about; the test kit calls it after every step.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from weft.model.health import WhenUnhealthy
from weft.model.limits import MAX_CONCURRENT
from weft.model.reason import NotNeeded, Preempted, TimedOut
from weft.scheduling.admission import Admission
from weft.scheduling.barrier import Barrier
from weft.scheduling.circuit import CircuitGate
from weft.scheduling.deadlines import Due
from weft.scheduling.facts import AttemptStarted, StopAsked
from weft.scheduling.health import Circuit
from weft.scheduling.locks import LockGate
from weft.scheduling.node import SPECULATIVE, Node
from weft.scheduling.preemption import room_for
from weft.scheduling.rates import RateGate
from weft.scheduling.ready import Gate, Line
from weft.scheduling.scheduler import Scheduler, Step
from weft.scheduling.shared import SharedGate
from weft.scheduling.states import (
    ASKING,
    BACKOFF,
    MERGING,
    READY,
    RUNNING,
    STOPPING,
    SUCCEEDED,
    WAITING,
    TaskState,
)

_HOLDING = (ASKING, RUNNING, STOPPING)  # all that they ask for


def check(scheduler: Scheduler) -> None:
    """Walk over the whole state of ``scheduler``, as a step has left it.

    Raises:
        AssertionError: an invariant is broken; the message holds the values.
    """
    nodes = [node for _, node in sorted(scheduler.live.items())]
    admission = scheduler.admission
    _check_states(scheduler)
    _check_edges(scheduler, nodes)
    _check_merges(scheduler, nodes)
    _check_attempts(nodes)
    _check_deadlines(scheduler, nodes)
    _check_groups(scheduler, nodes)
    _check_circuits(scheduler)
    _check_units_in_use(admission, nodes)
    _check_places_in_lines(admission, nodes)
    _check_heads(admission)
    _check_reservations(admission)
    _check_nothing_could_start(scheduler, nodes)
    _check_told(admission)
    _check_rates(scheduler)
    _check_locks(admission, nodes)
    _check_shares(admission, nodes)
    _check_speculation(scheduler, nodes)
    _check_the_end(scheduler)


def check_step(scheduler: Scheduler, step: Step) -> None:
    """Look at what a step of ``scheduler`` has ordered: no speculation starts only to make room at once.

    Who asks others starts by their answer, whatever else comes in that step.

    Raises:
        AssertionError: some does.
    """
    started = {fact.attempt for fact in step.facts if isinstance(fact, AttemptStarted)}
    cut = [fact.attempt for fact in step.facts if isinstance(fact, StopAsked) and fact.because == Preempted()]
    for attempt in cut:
        node = scheduler.live[attempt.task]
        asks = bool(scheduler.admission.shares.of(node.prepared.task))
        assert asks or attempt not in started, f"{_name(node)} was started, and is in the way"


def _name(node: Node) -> str:
    return f"task {node.prepared.position} `{node.prepared.task.id}`"


def _check_states(scheduler: Scheduler) -> None:
    for position, kept in enumerate(scheduler.tasks.states):
        node = scheduler.live.get(position)
        if node is None:
            assert kept >= SUCCEEDED, f"task {position} is lost: not live, and {TaskState(kept).name}"
            continue
        assert node.prepared.position == position, f"{_name(node)} stands at {position}"
        assert node.state < SUCCEEDED, f"{_name(node)} has ended as {node.state.name}, and is live"
        assert kept == WAITING, f"{_name(node)} is live, and kept as {TaskState(kept).name}"
    assert all(position < len(scheduler.tasks.states) for position in scheduler.live), (
        "a live task was never added"
    )


def _check_edges(scheduler: Scheduler, nodes: list[Node]) -> None:
    """A task waits exactly as long as something before it lives, and each such edge is known at both ends."""
    passed_over = [node for _, node in sorted(scheduler.tasks.passed_over.items())]
    expected: Counter[tuple[int, int]] = Counter()
    for node in (*nodes, *passed_over):
        before = [edge.before for edge in node.prepared.edges]
        unmet = [at for at in before if at in scheduler.live or at in scheduler.tasks.passed_over]
        expected.update((at, node.prepared.position) for at in unmet)
        assert node.n_unmet == len(unmet), f"{_name(node)} counts {node.n_unmet} unmet edges, not {unmet}"
        if node in nodes:
            required = [edge.before for edge in node.prepared.edges if edge.required]
            bad = [at for at in required if scheduler.tasks.states[at] > SUCCEEDED]
            assert not bad, f"{_name(node)} is live, and requires {bad}, which ended without success"
            waits = node.state is WAITING
            assert waits == bool(unmet), f"{_name(node)} is {node.state.name} with the unmet edges {unmet}"
        else:
            held = scheduler.tasks.merges.is_held(node.prepared.position)
            assert unmet or held, f"{_name(node)} has ended, as has all before it, and others wait for it"
    followers = Counter(
        (node.prepared.position, follower.prepared.position)
        for node in (*nodes, *passed_over)
        for follower in node.followers or ()
    )
    surplus, missing = followers - expected, expected - followers
    assert not surplus, f"followers without an edge (before, after): {surplus}"
    assert not missing, f"edges without a follower (before, after): {missing}"


def _check_merges(scheduler: Scheduler, nodes: list[Node]) -> None:
    """What is done and not brought back is MERGING, and waits as long as something before it lives."""
    merges, tasks = scheduler.tasks.merges, scheduler.tasks
    merging = {node.prepared.position for node in nodes if node.state is MERGING}
    known = merges.waiting | set(merges.under_way)
    assert merging == known, f"{merging} are MERGING, and {known} wait for that, or are under way"
    for node in (*nodes, *tasks.passed_over.values()):
        position = node.prepared.position
        before = [edge.before for edge in node.prepared.merges_after]
        unmet = [at for at in before if at in tasks.live or at in tasks.passed_over]
        assert merges.is_held(position) == bool(unmet), f"the merge of {_name(node)} has before it: {unmet}"
        assert position not in merges.under_way or not unmet, f"{_name(node)} is merged before {unmet}"
    stuck = merges.waiting - {at for at in merges.waiting if merges.is_held(at)}
    assert not stuck, f"nothing holds back the merge of {stuck}"


def _check_attempts(nodes: list[Node]) -> None:
    for node in nodes:
        runs = node.state in (RUNNING, STOPPING)
        assert (node.attempt is not None) == runs, f"{_name(node)} is {node.state.name} with {node.attempt}"
        if node.attempt is not None:
            assert node.attempt.task == node.prepared.position, f"{_name(node)} has {node.attempt}"
        told_why = node.stop_reason is not None
        assert told_why == (node.state is STOPPING), f"{_name(node)} is {node.state.name}: {node.stop_reason}"


def _check_deadlines(scheduler: Scheduler, nodes: list[Node]) -> None:
    """What can become due is what the live tasks, the circuits and the run wait for, and nothing else."""
    deadlines = scheduler.deadlines
    due = {(due, number) for due in Due for number in deadlines.numbers(due)}
    may: set[tuple[Due, int]] = {(Due.RUN_TIMEOUT, 0)}
    must: set[tuple[Due, int]] = set()
    for node in nodes:
        position, timeout = node.prepared.position, node.prepared.task.timeout
        late = isinstance(node.stop_reason, TimedOut) and not node.stop_reason.whole
        if node.state is BACKOFF:
            must.add((Due.RETRY, position))
        if node.state is STOPPING:
            may.add((Due.KILL, position))  # not if it was forced
        if node.state is RUNNING and timeout is not None and timeout.attempt_s is not None:
            must.add((Due.ATTEMPT_TIMEOUT, position))
        if node.tries is not None and timeout is not None and timeout.task_s is not None:
            stands_still = node.tries.is_cut  # until it runs again
            if not stands_still:
                passes = late or node.state in (STOPPING, MERGING)  # it may come, and then has an end
                (may if passes else must).add((Due.TASK_TIMEOUT, position))
    for number, monitor in enumerate(scheduler.monitors.all):
        if monitor.circuit is Circuit.OPEN and scheduler.ended is None:
            must.add((Due.PROBE, number))
    assert must <= due, f"nothing becomes due for {sorted(must - due)}"
    assert due <= must | may, f"these become due for nothing: {sorted(due - must - may)}"


def _check_groups(scheduler: Scheduler, nodes: list[Node]) -> None:
    """Where a group, or the run, was stopped, nothing waits for a start."""
    for node in nodes:
        stopped = scheduler.failures.stopped(node.prepared.task.group)
        waits = node.attempt is None and node.state is not MERGING
        assert not (stopped and waits), f"{_name(node)} is {node.state.name}, and stopped: {stopped}"


def _check_circuits(scheduler: Scheduler) -> None:
    """A circuit lets through what its state says, and is no obstacle where none was asked for."""
    gates = [gate for gate in scheduler.admission.gates.values() if isinstance(gate, CircuitGate)]
    monitors = [one for one in scheduler.monitors.all if one.health.when_unhealthy is WhenUnhealthy.PAUSE]
    for gate, monitor in zip(gates, monitors, strict=True):
        probing = monitor.circuit is Circuit.HALF_OPEN and monitor.probe is not None
        asking = gate.candidate is not None and gate.candidate.state is ASKING
        shut = probing or asking or monitor.circuit is Circuit.OPEN
        assert bool(gate.free) != shut, f"{monitor.scope} is {monitor.circuit}, its gate has {gate.free} free"
        if probing:
            assert monitor.probe is not None
            node = scheduler.live.get(monitor.probe.task)
            runs = node is not None and node.attempt == monitor.probe
            assert runs, f"the probe of {monitor.scope} has ended: {monitor.probe}"
        assert probing or monitor.probe is None, f"{monitor.probe} is a probe of {monitor.scope}"
    for monitor in scheduler.monitors.all:
        closed = monitor.circuit is Circuit.CLOSED
        assert closed or monitor in monitors, f"{monitor.scope} is {monitor.circuit}, and only watches"


def _check_units_in_use(admission: Admission, nodes: list[Node]) -> None:
    used: Counter[str] = Counter()
    for node in nodes:
        if node.state in _HOLDING:
            used.update({slots.name: units for slots, units in node.demand})
    for name, gate in admission.gates.items():
        if not gate.is_counted:
            continue
        assert used[name] <= gate.size, f"{used[name]} of {gate.size} units of {name} are in use"
        counted = gate.used
        assert counted == used[name], f"{name} counts {counted} units in use, tasks use {used[name]}"


def _check_places_in_lines(admission: Admission, nodes: list[Node]) -> None:
    """Every READY task stands in one line, the one of its demand."""
    stands = [(node.prepared.position, line) for line in admission.lines.values() for node in line]
    ready = [node for node in nodes if node.state is READY]
    at = dict(stands)
    assert len(at) == len(stands), f"a task stands in two places: {sorted(at)} of {len(stands)}"
    assert sorted(at) == [node.prepared.position for node in ready], f"{sorted(at)} stand in lines"
    for node in ready:
        asked = admission.asked(node.prepared.task)
        line = admission.lines[asked, node.key[0]]
        assert at[node.prepared.position] is line, f"{_name(node)} stands in the wrong line"
        assert node.demand == line.demand, f"{_name(node)} demands {node.demand}, its line {line.demand}"


def _heads(admission: Admission) -> Iterator[tuple[Line, Node]]:
    for line in admission.lines.values():
        head = min(line, key=lambda node: node.key, default=None)
        if head is not None:
            yield line, head


def _check_heads(admission: Admission) -> None:
    """Every line with somebody in it will be looked at: now, or when its gate opens."""
    for line, head in _heads(admission):
        if line.parked_at is not None:
            assert line in line.parked_at.lines, f"{_name(head)} is parked where nobody looks"
        else:
            assert (head.key, line.number, line) in line.heads, f"{_name(head)} is forgotten"
    for gate in admission.gates.values():
        for line in gate.lines:
            assert line.parked_at is gate, f"line {line.number} is parked at {gate.name} and is not"


def _check_told(admission: Admission) -> None:
    """What was told of a line is so: the gate that holds it is the one at which it is parked, and closed."""
    usual = admission.gates[MAX_CONCURRENT]
    for line, head in _heads(admission):
        gate = line.parked_at if line.parked_at is not usual else None
        assert line.held_by is gate, f"line {line.number} of {_name(head)} was told to be held elsewhere"
        if gate is not None:
            (units,) = [units for each, units in line.demand if each is gate]
            assert gate.reason(head, units) is not None, f"{gate.name} holds {_name(head)}, and is open"


def _gates(admission: Admission, node: Node) -> Iterator[tuple[Gate, int]]:
    return ((admission.gates[slots.name], units) for slots, units in node.demand)


def _check_reservations(admission: Admission) -> None:
    """Units are kept only for a READY task that asks for them."""
    for gate in admission.gates.values():
        if gate.kept is not None:
            _, better = gate.kept
            assert better.state is READY, f"{gate.name} is kept for {_name(better)}: {better.state.name}"
        holder = gate.reserved_for
        if holder is not None:
            assert holder.state is READY, f"{gate.name} is kept for {_name(holder)}: {holder.state.name}"
            asked = [one for one, _ in _gates(admission, holder)]
            assert gate in asked, f"{gate.name} is kept for {_name(holder)}, which has no use for it"
            shut = [one.name for one in asked if _is_shut_for_long(one)]
            assert not shut, f"{gate.name} is kept for {_name(holder)}, which {shut} keeps from starting"


def _is_shut_for_long(gate: Gate) -> bool:
    asker = gate.asker if isinstance(gate, SharedGate) else None
    return isinstance(gate, Barrier) and not gate.free and (asker is None or asker.state is not ASKING)


def _check_shares(admission: Admission, nodes: list[Node]) -> None:
    """Whoever asks others has passed all gates of the run, and nobody else asks for the same meanwhile."""
    asking: dict[str, Node] = {}
    for node in nodes:
        shared = [gate for gate, _ in _gates(admission, node) if isinstance(gate, SharedGate)]
        names = admission.shares.of(node.prepared.task) if node.demand else ()
        assert [gate.shares for gate in shared] == [names] * bool(names), f"{_name(node)} asks for {shared}"
        for gate in shared if node.state is ASKING else ():
            assert gate.name not in asking, f"{_name(node)} and {_name(asking[gate.name])} ask for {names}"
            assert gate.asker is node, f"{_name(node)} asks for {names}, and {gate.asker} is known to"
            assert not gate.free, f"{_name(node)} asks for {names}, and another may"
            asking[gate.name] = node


def _check_nothing_could_start(scheduler: Scheduler, nodes: list[Node]) -> None:
    """Work is conserved: every READY task is stopped by a gate, the best of them by a lack of units."""
    admission = scheduler.admission
    heads = sorted((head for _, head in _heads(admission)), key=lambda node: node.key)
    for head in heads:
        closed = [gate for gate, units in _gates(admission, head) if not gate.admits(units, head.key)]
        assert closed, f"{_name(head)} could start"
    for head in heads[:1]:
        lacking = any(units > gate.free for gate, units in _gates(admission, head))
        assert lacking, f"{_name(head)} comes first of all, lacks nothing and does not start"
    for node in nodes:
        reasons = scheduler.waiting(node.prepared.position)
        told = bool(reasons)
        waits = node.attempt is None and node.prepared.position not in scheduler.tasks.merges.under_way
        assert told == waits, f"{_name(node)} is {node.state.name}, because {reasons}"


def _check_rates(scheduler: Scheduler) -> None:
    """Somebody comes back at the moment at which the best of those that wait for a rate may start."""
    admission = scheduler.admission
    wake_at = min([moment for moment in admission.moments() if moment is not None], default=None)
    for _, head in _heads(admission):
        closed = [
            (gate, units) for gate, units in _gates(admission, head) if not gate.admits(units, head.key)
        ]
        if all(isinstance(gate, RateGate) and units > gate.free for gate, units in closed):
            due = max(gate.due(units) for gate, units in closed if isinstance(gate, RateGate))
            assert wake_at is not None, f"{_name(head)} may start at {due}, and nobody comes"
            assert wake_at <= due, f"{_name(head)} may start at {due}, and nobody comes before {wake_at}"
    for gate in admission.gates.values():
        if isinstance(gate, RateGate):
            assert -1 <= gate.free <= gate.size, f"{gate.free} of {gate.size} units of {gate.name} are free"


def _check_locks(admission: Admission, nodes: list[Node]) -> None:
    """A lock knows its holders; that they get on with each other is a matter of units."""
    held: dict[str, list[str]] = {}
    for node in nodes:
        if node.state in _HOLDING:
            for lock in node.prepared.task.locks:
                held.setdefault(lock, []).append(node.prepared.task.id)
    for gate in admission.gates.values():
        if isinstance(gate, LockGate):
            told, holding = sorted(gate.holders), sorted(held.get(gate.lock, ()))
            assert told == holding, f"lock {gate.lock} is held by {holding}, and tells of {told}"


def _check_speculation(scheduler: Scheduler, nodes: list[Node]) -> None:
    """Speculation holds no slot that is wanted, and lives only while somebody may need it."""
    speculation, admission = scheduler.course.speculation, scheduler.admission
    running = speculation.running()
    for node in speculation.unneeded(scheduler.live, closed=False):
        raise AssertionError(f"{_name(node)} is not dropped, and all that needed it have ended")
    for node in room_for(admission.lines.values(), running).emptied:
        raise AssertionError(f"{_name(node)} is in the way")
    for node in nodes:
        speculative = node.prepared.task.speculative
        assert node.key[0] != SPECULATIVE or speculative, f"{_name(node)} has the level of speculation"
        if speculative and node.key[0] == SPECULATIVE and node.state in (RUNNING, STOPPING):
            assert node in running, f"{_name(node)} runs, and speculation knows nothing of it"
    cut_short = [node for node in nodes if isinstance(node.stop_reason, Preempted | NotNeeded)]
    for node in cut_short:
        assert node.prepared.task.speculative, f"{_name(node)} is stopped: {node.stop_reason}"
    needed = {edge.before for node in nodes for edge in node.prepared.edges}
    over = scheduler.closed and all(node.prepared.task.speculative for node in nodes)
    for node in nodes:
        dropped = isinstance(node.stop_reason, NotNeeded)
        assert not (dropped and node.prepared.position in needed), f"{_name(node)} is dropped, and needed"
        goes_on = node.stop_reason is None and node.prepared.position not in scheduler.tasks.merges.under_way
        assert not (goes_on and over), f"{_name(node)} goes on, and nobody needs it"


def _check_the_end(scheduler: Scheduler) -> None:
    over = scheduler.closed and not scheduler.live
    live = sorted(scheduler.live)
    assert (scheduler.ended is not None) == over, f"{scheduler.ended}, closed: {scheduler.closed}, {live}"
