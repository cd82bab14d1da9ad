"""The one gate: which ready task starts next, with all its limits taken together or not at all.

A line that must wait is parked at the pool that stops it and looked at again when that pool gives
something back, so a step costs as much as it starts, however many tasks are waiting.

A head that lacks some units of a pool reserves what is free there, until it starts: tasks that come
after it in the order of choice may not take it. So a wide task is not overtaken for ever by narrow
ones, and tasks that don't use that pool are not held up. As all tasks use the run's own pool, that
one is reserved only by a head that lacks nothing else. Units of pools are not kept for a head that a
rate stops, as that may be for long; but the rate is, so that it gets there. Nothing is reserved by a head
that an open circuit stops, or a no of other processes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from heapq import heappop, heappush
from operator import itemgetter

from weft.model.health import WhenUnhealthy
from weft.model.limits import MAX_CONCURRENT, Limit, Pool, units_of
from weft.model.priority import NORMAL
from weft.model.reason import WaitReason
from weft.model.task import Task
from weft.scheduling.aging import Aging
from weft.scheduling.barrier import Barrier
from weft.scheduling.circuit import CircuitGate
from weft.scheduling.health import Monitors
from weft.scheduling.lent import LentGate
from weft.scheduling.locks import UNITS, LockGate
from weft.scheduling.news import LineNews
from weft.scheduling.node import SPECULATIVE, Node
from weft.scheduling.preemption import room_for
from weft.scheduling.rated import Rates
from weft.scheduling.rates import RateGate
from weft.scheduling.ready import Gate, Heads, Line
from weft.scheduling.shared import SharedGate, Shares
from weft.scheduling.states import READY

# Begin the names of gates that are no limits of the plan.
_CIRCUIT = "\0"
_LOCK = "\1"
_SHARED = "\2"
_USUAL = -int(NORMAL)  # the level of most tasks

_NOTHING_SHARED = Shares({}, {})

Asked = tuple[tuple[str, int], ...]


class Admission:
    """Takes ready tasks in and gives them out in the order of choice."""

    def __init__(
        self,
        max_concurrent: int,
        limits: Mapping[str, Limit],
        monitors: Monitors,
        aging_s: float,
        shares: Shares = _NOTHING_SHARED,
    ) -> None:
        self.shares = shares
        self._main = LentGate(MAX_CONCURRENT, max_concurrent)
        self.gates: dict[str, Gate] = {
            name: Gate(name, limit.size) for name, limit in limits.items() if isinstance(limit, Pool)
        }
        self.gates[MAX_CONCURRENT] = self._main
        self._monitors = monitors
        self._circuits = {
            number: CircuitGate(f"{_CIRCUIT}{number}", monitor)
            for number, monitor in enumerate(monitors.all)
            if monitor.health.when_unhealthy is WhenUnhealthy.PAUSE
        }
        self.rates = Rates(limits)
        self.is_metered = self.rates.is_used or shares.is_used  # attempts have to be settled when they end
        of_rates = (gate for gates in self.rates.gates.values() for gate in gates)
        self.gates.update((gate.name, gate) for gate in (*self._circuits.values(), *of_rates))
        self.aging = Aging(aging_s)
        self.lines: dict[tuple[Asked, int], Line] = {}
        self._demands: dict[Asked, tuple[tuple[Gate, int], ...]] = {}
        self.heads: Heads = []  # of lines that are not parked; some outdated
        self.idle_heads: Heads = []  # the same of speculation, which gets what is left
        self._grown: list[Line] = []  # by tasks that have become ready since heads were looked at
        self._ask_again_at: float | None = None  # for the room that speculation takes
        self._kept: Mapping[Gate, tuple[int, Node]] = {}  # from speculation
        self.news = LineNews(self._main)
        self._plain = self._line((), _USUAL)  # of tasks that take one slot and nothing else

    def enqueue(self, node: Node, now: float, *, is_moved: bool = False) -> None:
        """Let a task wait for its turn that has become READY, or is moved to another line."""
        line = self._line_of(node)
        node.demand = line.demand
        if line.join(node):
            self._grown.append(line)
        if line is not self._plain or is_moved:
            self.news.joined(node, line)
        level = line.level
        if level == self.aging.top:
            return
        overtopped = self.aging.overtops(level)
        if overtopped is None:
            self.aging.add((node,), now)
            return
        for line in self.lines.values():
            if line.level == overtopped:
                self.aging.add(line, now)

    def start_all(self, now: float) -> list[Node]:
        """Take all that can be taken for the next tasks, and return them in the order of choice.

        Speculation is left out.
        """
        if self.aging.is_mixed:
            for aged in tuple(self.aging.moved(now)):
                self._move_up(aged, now)
        if self.rates.is_used:
            for gate in self.rates.look(now):
                self._look_again(gate)
        for line in self._grown:
            self._unpark(line)
        self._grown.clear()
        return self._start(self.heads, self._take, now)

    def start_idle(self, now: float) -> list[Node]:
        """Take for speculation what is left, and return it in the order of choice."""
        return self._start(self.idle_heads, self._take_idle, now)

    def _start(self, heads: Heads, take: Callable[[Line, Node], bool], now: float) -> list[Node]:
        started: list[Node] = []
        while heads and self._main.free > 0:
            key, _, line = heappop(heads)
            node = line.head()
            if line.parked_at is None and node is not None and node.key == key:
                line.announced = None
                self._start_from(line, node, started, take)
        if self.rates.is_used:
            for started_now in started:
                self.rates.begin(started_now, now)
        return started

    def _start_from(
        self, line: Line, node: Node | None, started: list[Node], take: Callable[[Line, Node], bool]
    ) -> None:
        """Start the head of a line, and those behind it for as long as no other line has a better one."""
        heads, main = line.heads, self._main
        while node is not None:
            if main.free <= 0 or (heads and heads[0][0] < node.key):
                self._announce(line, node)
                return
            if not take(line, node):
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
        line = self._line_of(node)
        if line.parked_at is None:
            self._unpark(line)
        self._drop_reservations(node)

    def change_level(self, node: Node, level: int, now: float) -> None:
        """Let a task be as urgent as those of ``level``."""
        left = self._line_of(node)
        node.key = (level, *node.key[1:])
        if node.state is READY:
            if left.announced is node:
                self._unpark(left)
            self.enqueue(node, now, is_moved=True)

    def make_room(self, speculative: Sequence[Node]) -> list[Node]:
        """Return those of ``speculative``, all of which run, that keep better tasks from starting.

        What these tasks will take is kept from speculation meanwhile.
        """
        room = room_for(self.lines.values(), speculative)
        for gate in self._kept:
            gate.kept = None
            for line in [line for line in gate.lines if line.level == SPECULATIVE]:
                self._unpark(line)
        self._kept = room.kept()
        for gate, kept in self._kept.items():
            gate.kept = kept
        self._ask_again_at = room.due
        return room.emptied

    def is_in_the_way(self, node: Node, speculative: Sequence[Node]) -> bool:
        """Tell whether ``node``, which has all that it takes, would make room like ``speculative``."""
        return node in room_for(self.lines.values(), (*speculative, node)).emptied

    def moments(self) -> tuple[float | None, ...]:
        """Return when somebody moves up, and when gates open, by the passing of time alone; None: never."""
        return (
            self.aging.next() if self.aging.is_mixed else None,
            self.rates.next() if self.rates.is_used else None,
            self._ask_again_at,
        )

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

    def shares_answered(self, shares: tuple[str, ...]) -> None:
        """Let the next one ask for ``shares``: who asked before has got them, or never will."""
        gate = self._shared_gate(shares)
        gate.asker = None
        gate.open()
        self._look_again(gate)

    def shares_moved(self, shares: tuple[str, ...]) -> None:
        """Let somebody ask for ``shares`` again."""
        gate = self._shared_gate(shares)
        gate.open()
        self._look_again(gate)

    def refuse(self, node: Node, because: tuple[WaitReason, ...]) -> None:
        """Take back what was taken for a task that asked others in vain."""
        shared = self._shared_gate(self.shares.of(node.prepared.task))
        shared.refused(because)
        self._let_go(shared)
        for gate, _ in node.demand:
            if isinstance(gate, CircuitGate):
                gate.passed_in_vain(node)
                self._look_again(gate)
        self.give_back(node)

    def asks_no_more(self, node: Node) -> tuple[str, ...]:
        """Return what ``node``, which has ended, was the last to ask others for; empty when it was not."""
        shares = self.shares.of(node.prepared.task)
        if not shares or not node.demand or self._shared_gate(shares).asker is not node:
            return ()
        self._shared_gate(shares).asker = None
        return shares

    def lets_begin(self, node: Node, now: float) -> bool:
        """Let ``node``, which has asked others meanwhile, begin an attempt; tell whether it still may."""
        circuits = (gate for gate, _ in node.demand if isinstance(gate, CircuitGate))
        return all(gate.lets_begin(node) for gate in circuits) and self.rates.begin_late(node, now)

    def _shared_gate(self, shares: tuple[str, ...]) -> SharedGate:
        gate = self.gates[_SHARED + "\n".join(shares)]
        assert isinstance(gate, SharedGate), f"{shares} are shared, and {gate.name} is not"
        return gate

    def share_jobs(self, granted: int) -> None:
        """Share the slots of the run with other processes; ``granted`` are its own for now."""
        self._main.share(granted)

    def tokens_came(self, units: int) -> None:
        """Take in that so many more slots are the run's now."""
        self._main.grow(units)
        self._look_again(self._main)

    def tokens(self) -> int | None:
        """Return how many slots the run wants of others; less than 0: hands them back; None: shares none."""
        main = self._main
        if not main.is_shared:
            return None
        if main.lines or self._has_head():
            return main.size - main.granted
        return -main.hand_back() or max(0, -main.free)

    @property
    def is_idle(self) -> bool:
        """Whether no slot of the run is in use."""
        return self._main.is_idle

    def asked(self, task: Task) -> Asked:
        """Return what ``task`` asks for: to pass circuits, units of pools and rates, and to hold locks."""
        circuits = self._circuits
        numbers = self._monitors.of(task) if circuits else ()
        asked = [(circuits[number].name, 1) for number in numbers if number in circuits]
        shares = self.shares
        if shares.is_used and (shared := shares.of(task)):
            asked.append((_SHARED + "\n".join(shared), 1))
        for name, cost in sorted(task.limits.items(), key=itemgetter(0)):
            if not shares.holds(name):
                asked += self.rates.asked(name, cost) if name in self.rates else [(name, units_of(cost))]
        for name, hold in sorted(task.locks.items()):
            if not shares.holds_lock(name):
                asked.append((_LOCK + name, UNITS[hold]))
        return tuple(asked)

    def _has_head(self) -> bool:
        """Tell whether a task could start if there were a slot for it."""
        for heads in (self.heads, self.idle_heads):
            while heads:
                key, _, line = heads[0]
                node = line.head()
                if line.parked_at is None and node is not None and node.key == key:
                    return True
                heappop(heads)
        return False

    def _move_up(self, node: Node, now: float) -> None:
        left = self._line_of(node)
        self.aging.rise(node)
        if left.announced is node:
            self._unpark(left)
        self.enqueue(node, now, is_moved=True)

    def _line_of(self, node: Node) -> Line:
        task, level = node.prepared.task, node.key[0]
        if task.limits or task.locks or self._circuits:
            return self._line(self.asked(task), level)
        return self._plain if level == _USUAL else self._line((), level)

    def _line(self, asked: Asked, level: int) -> Line:
        line = self.lines.get((asked, level))
        if line is None:
            if asked not in self._demands:
                self._demands[asked] = self._demand(asked)
            heads = self.idle_heads if level == SPECULATIVE else self.heads
            line = Line(len(self.lines), level, self._demands[asked], heads)
            self.lines[asked, level] = line
        return line

    def _demand(self, asked: Asked) -> tuple[tuple[Gate, int], ...]:
        # `-j 1` must be able to run a task that weighs two.
        weight = min(dict(asked).get(MAX_CONCURRENT, 1), self._main.size)
        for name, _ in asked:
            if name.startswith(_LOCK) and name not in self.gates:
                self.gates[name] = LockGate(name, name.removeprefix(_LOCK))
            if name.startswith(_SHARED) and name not in self.gates:
                self.gates[name] = SharedGate(name, tuple(name.removeprefix(_SHARED).split("\n")))
        others = [(self.gates[name], units) for name, units in asked if name != MAX_CONCURRENT]
        return (*sorted(others, key=lambda pair: self._stage(pair[0])), (self._main, weight))

    def _stage(self, gate: Gate) -> int:
        """Return when a task comes to ``gate``; nothing is kept for it behind the stage that stops it."""
        if gate is self._main:
            return 3
        return 0 if isinstance(gate, Barrier) else 1 if isinstance(gate, RateGate) else 2

    def _take(self, line: Line, node: Node) -> bool:
        """Take all that ``node`` needs, or park its line; tell which."""
        for gate, units in line.demand:
            if units > gate.free or gate.reserved_for is not None:
                closed = self._closed_gate(node)
                if closed is not None:
                    self._park(line, closed)
                    return False
                self._drop_reservations(node)
                break
        for gate, units in line.demand:
            gate.take(units)
        for gate, units in line.told:
            gate.passed(node, units)
        if self._circuits:
            for gate, _ in line.demand:
                if isinstance(gate, CircuitGate):
                    self._let_go(gate)
        return True

    def _take_idle(self, line: Line, node: Node) -> bool:
        """Take all that ``node`` needs, which is speculation, or park its line; tell which."""
        for gate, units in line.demand:
            if gate.kept_from_speculation(units) is not None:
                self._park(line, gate)
                return False
        return self._take(line, node)

    def _park(self, line: Line, gate: Gate) -> None:
        line.parked_at = gate
        gate.lines[line] = None
        self.news.parked(line, gate)

    def _closed_gate(self, node: Node) -> Gate | None:
        """Return a gate that stops ``node``, once it has reserved what it lacks at every such gate."""
        closed: Gate | None = None
        for slots, units in node.demand:
            gate = self.gates[slots.name]
            if isinstance(gate, Barrier) and not gate.free:
                return gate  # these come first: nothing is kept for a task that may not start for long
            holder = gate.reserved_for
            if closed is not None and self._stage(gate) > self._stage(closed):
                if holder is not None and holder.demand is node.demand:  # it, or another that wants the same
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

    def _let_go(self, barrier: Barrier) -> None:
        """Keep nothing for those who wait for a barrier, if it is closed to them."""
        if not barrier.free:
            for gate in self.gates.values():
                holder = gate.reserved_for
                if holder is not None and any(slots is barrier for slots, _ in holder.demand):
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
            self.news.unparked(line)
        head = line.head()
        if head is None:
            line.announced = None
        elif head is not line.announced:
            self._announce(line, head)

    def _announce(self, line: Line, head: Node) -> None:
        heappush(line.heads, (head.key, line.number, line))
        line.announced = head
