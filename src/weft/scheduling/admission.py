"""The one gate: which ready task starts next, with all its limits taken together or not at all.

A line that must wait is parked at the pool that stops it and looked at again when that pool gives
something back, so a step costs as much as it starts, however many tasks are waiting.

A head that lacks some units of a pool reserves what is free there, until it starts: tasks that come
after it in the order of choice may not take it. So a wide task is not overtaken for ever by narrow
ones, and tasks that don't use that pool are not held up. As all tasks use the run's own pool, that
one is reserved only by a head that lacks nothing else. Nothing is reserved by a head that an open
circuit stops.
"""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heappop, heappush

from weft.model.health import WhenUnhealthy
from weft.model.limits import MAX_CONCURRENT, Limit
from weft.model.reason import WaitReason
from weft.model.task import Task
from weft.scheduling.health import Monitors
from weft.scheduling.node import Key, Node
from weft.scheduling.ready import CircuitGate, Gate, Line

_NO_POOL = "\0"  # begins the names of gates that no user has named

Asked = tuple[tuple[str, int], ...]


class Admission:
    """Takes ready tasks in and gives them out in the order of choice."""

    def __init__(self, max_concurrent: int, limits: Mapping[str, Limit], monitors: Monitors) -> None:
        self._main = Gate(MAX_CONCURRENT, max_concurrent)
        self.gates = {name: Gate(name, pool.size) for name, pool in limits.items()}
        self.gates[MAX_CONCURRENT] = self._main
        self._monitors = monitors
        self._circuits = {
            number: CircuitGate(f"{_NO_POOL}{number}", monitor)
            for number, monitor in enumerate(monitors.all)
            if monitor.health.when_unhealthy is WhenUnhealthy.PAUSE
        }
        self.gates.update((gate.name, gate) for gate in self._circuits.values())
        self.lines: dict[Asked, Line] = {}
        self.heads: list[tuple[Key, int, Line]] = []  # of lines that are not parked; some outdated
        self._grown: list[Line] = []  # by tasks that have become ready since heads were looked at
        self._plain = self._line(())  # of tasks that take one slot and nothing else

    def enqueue(self, node: Node) -> None:
        """Let a task that has become READY wait for its turn."""
        task = node.prepared.task
        line = self._line(self.asked(task)) if task.limits or self._circuits else self._plain
        node.demand = line.demand
        if line.join(node):
            self._grown.append(line)

    def start_all(self) -> list[Node]:
        """Take all that can be taken for the next tasks, and return them in the order of choice."""
        started: list[Node] = []
        heads = self.heads
        for line in self._grown:
            self._unpark(line)
        self._grown.clear()
        while heads and self._main.free:
            key, _, line = heappop(heads)
            node = line.head()
            if line.parked_at is None and node is not None and node.key == key:
                line.announced = None
                self._start_from(line, node, started)
        return started

    def _start_from(self, line: Line, node: Node | None, started: list[Node]) -> None:
        """Start the head of a line, and those behind it for as long as no other line has a better one."""
        heads, main = self.heads, self._main
        while node is not None:
            if not main.free or (heads and heads[0][0] < node.key):
                self._announce(line, node)
                return
            if not self._take(line, node):
                return
            line.leave()
            started.append(node)
            node = line.head()

    def give_back(self, node: Node) -> None:
        """Take back the slots of a task that runs no more, and look again at who waited for them."""
        for slots, units in node.demand:
            slots.give_back(units)
            gate = self.gates[slots.name]
            if gate.lines:
                self._look_again(gate)

    def withdraw(self, node: Node) -> None:
        """Forget a task that was READY and is no more; what was kept for it is free for others."""
        line = self._line(self.asked(node.prepared.task))
        if line.parked_at is None:
            self._unpark(line)
        self._drop_reservations(node)

    def reasons(self, node: Node) -> tuple[WaitReason, ...]:
        """Return why a READY task does not run: every gate that is closed to it now."""
        asked = [self.gates[slots.name].reason(node, units) for slots, units in node.demand]
        closed = [reason for reason in asked if reason is not None]
        assert closed, f"nothing keeps {node.prepared.task.id} from starting"
        return tuple(closed)

    def circuit_moved(self, number: int) -> None:
        """Let a circuit's new state have its effect on those who wait for it."""
        gate = self._circuits.get(number)
        if gate is not None:
            gate.look()
            self._look_again(gate)
            self._let_go(gate)

    def asked(self, task: Task) -> Asked:
        """Return what ``task`` asks for: units of pools, and to pass circuits."""
        units = tuple(sorted(task.limits.items()))
        if not self._circuits:
            return units
        passes = [self._circuits[number] for number in self._monitors.of(task) if number in self._circuits]
        return (*((gate.name, 1) for gate in passes), *units)

    def _line(self, asked: Asked) -> Line:
        line = self.lines.get(asked)
        if line is None:
            line = self.lines[asked] = Line(len(self.lines), self._demand(asked))
        return line

    def _demand(self, asked: Asked) -> tuple[tuple[Gate, int], ...]:
        # `-j 1` must be able to run a task that weighs two.
        weight = min(dict(asked).get(MAX_CONCURRENT, 1), self._main.size)
        others = [(self.gates[name], units) for name, units in asked if name != MAX_CONCURRENT]
        return (*others, (self._main, weight))

    def _take(self, line: Line, node: Node) -> bool:
        """Take all that ``node`` needs, or park its line; tell which."""
        for gate, units in line.demand:
            if units > gate.free or gate.reserved_for is not None:
                closed = self._closed_gate(node)
                if closed is not None:
                    line.parked_at = closed
                    closed.lines[line] = None
                    return False
                self._drop_reservations(node)
                break
        for gate, units in line.demand:
            gate.take(units)
        if self._circuits:
            for gate, _ in line.demand:
                self._let_go(gate)
        return True

    def _closed_gate(self, node: Node) -> Gate | None:
        """Return a gate that stops ``node``, once it has reserved what it lacks at every such gate."""
        closed = None
        for slots, units in node.demand:
            gate = self.gates[slots.name]
            if isinstance(gate, CircuitGate) and not gate.free:
                return gate  # these come first: nothing is kept for a task that may not start for long
            holder = gate.reserved_for
            if gate is self._main and closed is not None:
                if holder is not None and holder.demand is node.demand:  # it, or one behind it in its line
                    self._open(gate)
            elif not gate.admits(units, node.key):
                closed = gate
                if holder is None or node.key < holder.key:
                    gate.reserved_for = node
        return closed

    def _drop_reservations(self, node: Node) -> None:
        for slots, _ in node.demand:
            gate = self.gates[slots.name]
            if gate.reserved_for is node:
                self._open(gate)

    def _let_go(self, circuit: Gate) -> None:
        """Keep nothing for those who wait for a circuit, if it is closed to them."""
        if isinstance(circuit, CircuitGate) and not circuit.free:
            for gate in self.gates.values():
                holder = gate.reserved_for
                if holder is not None and any(slots is circuit for slots, _ in holder.demand):
                    self._open(gate)

    def _open(self, gate: Gate) -> None:
        gate.reserved_for = None
        self._look_again(gate)

    def _look_again(self, gate: Gate) -> None:
        for line in tuple(gate.lines):
            self._unpark(line)

    def _unpark(self, line: Line) -> None:
        if line.parked_at is not None:
            del line.parked_at.lines[line]
            line.parked_at = None
        head = line.head()
        if head is None:
            line.announced = None
        elif head is not line.announced:
            self._announce(line, head)

    def _announce(self, line: Line, head: Node) -> None:
        heappush(self.heads, (head.key, line.number, line))
        line.announced = head
