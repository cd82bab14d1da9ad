"""The gate of a circuit, which opens and closes with the health of what it watches."""

from __future__ import annotations

from weft.model.reason import CircuitOpen, CircuitProbing, WaitReason
from weft.scheduling.barrier import Barrier
from weft.scheduling.health import Circuit, Monitor
from weft.scheduling.node import Node

_UNBOUNDED = 1 << 60  # more than there will ever be tasks


class CircuitGate(Barrier):
    """Lets all pass while the circuit is closed, none while it is open, and one as a probe in between."""

    __slots__ = ("_monitor", "candidate")

    is_told = True

    def __init__(self, name: str, monitor: Monitor) -> None:
        super().__init__(name, _UNBOUNDED)
        self._monitor = monitor
        self.candidate: Node | None = None  # the one that was let through as a probe

    def passed(self, node: Node, units: int) -> None:
        if self._monitor.circuit is Circuit.HALF_OPEN:
            self.candidate = node

    def lets_begin(self, node: Node) -> bool:
        """Tell whether ``node``, which has passed some time ago, may still begin an attempt."""
        circuit = self._monitor.circuit
        return circuit is Circuit.CLOSED or (circuit is Circuit.HALF_OPEN and self.candidate is node)

    def passed_in_vain(self, node: Node) -> None:
        """Take in that ``node`` has passed and begins no attempt."""
        if self.candidate is node:
            self.look()

    def take(self, units: int) -> None:
        if self._monitor.circuit is Circuit.HALF_OPEN:
            self.free = 0

    def look(self) -> None:
        """Open or close as the circuit does."""
        self.candidate = None
        match self._monitor.circuit:
            case Circuit.CLOSED:
                self.free = _UNBOUNDED
            case Circuit.OPEN:
                self.free = 0
            case Circuit.HALF_OPEN:
                self.free = 1 if self._monitor.probe is None else 0

    def reason(self, node: Node, units: int) -> WaitReason | None:
        if self.admits(units, node.key):
            return None
        monitor = self._monitor
        if monitor.circuit is Circuit.OPEN:
            return CircuitOpen(monitor.scope, monitor.error_rate, monitor.due)
        return CircuitProbing(monitor.scope)
