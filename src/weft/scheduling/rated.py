"""The rates of a run: what each attempt has reserved of them, and what it has cost in truth.

Knows which gates a rate has, one for each window. Whether one is open is decided in `rates`.
"""

from __future__ import annotations

from collections.abc import Mapping

from weft.errors import RateLimited
from weft.model.limits import Limit
from weft.model.outcome import Failed, Outcome
from weft.model.rate import Cost, Rate, costs_in, true_costs
from weft.model.reason import Exited
from weft.model.scope import Scope
from weft.scheduling.node import Node
from weft.scheduling.rates import Pacer, RateGate, Reservation


class Rates:
    """The rates among the limits of a run."""

    def __init__(self, limits: Mapping[str, Limit]) -> None:
        self._rates = {
            name: limit
            for name, limit in limits.items()
            if isinstance(limit, Rate) and limit.scope is Scope.RUN
        }
        self._pacers = {name: Pacer(rate) for name, rate in self._rates.items()}
        self.gates = {
            name: [
                RateGate(f"{name}\0{number}", f"{name}.{window.cost}" if window.cost else name, pacer, number)
                for number, window in enumerate(pacer.windows)
            ]
            for name, pacer in self._pacers.items()
        }
        self.is_used = bool(self._rates)
        self._reserved: dict[int, list[tuple[str, Reservation]]] = {}
        self._told: dict[int, Mapping[str, int]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._rates

    def asked(self, name: str, cost: Cost) -> list[tuple[str, int]]:
        """Return what ``cost`` takes of the gates of the rate ``name``."""
        units = costs_in(self._pacers[name].windows, cost)
        return [(gate.name, each) for gate, each in zip(self.gates[name], units, strict=True)]

    def look(self, now: float) -> list[RateGate]:
        """See what is free at ``now``; return the gates that somebody waits at, and that let more through."""
        grown = []
        for gates in self.gates.values():
            for gate in gates:
                before = gate.free
                gate.look(now)
                if gate.lines and gate.free > before:
                    grown.append(gate)
        return grown

    def begin(self, node: Node, now: float) -> None:
        """Remember what an attempt has taken."""
        limits = node.prepared.task.limits
        reserved = [
            (name, self._pacers[name].reservation(costs_in(self._pacers[name].windows, cost), now))
            for name, cost in limits.items()
            if name in self._rates
        ]
        if reserved:
            self._reserved[node.prepared.position] = reserved

    def tell(self, position: int, costs: Mapping[str, int]) -> None:
        """Take in what the attempt that runs has cost so far, by the name of the cost or of the limit."""
        self._told[position] = {**self._told.get(position, {}), **costs}

    def told(self, position: int) -> Mapping[str, int]:
        """Return what the attempt that runs has told of its costs."""
        return self._told.get(position, {})

    def begin_late(self, node: Node, now: float) -> bool:
        """Let an attempt begin some time after all was taken for it; tell whether there is still room."""
        before = self._reserved.get(node.prepared.position, ())
        self.undo(node, now)
        taken = [(name, self._pacers[name], reservation.costs) for name, reservation in before]
        if any(pacer.due(costs, now) > now for _, pacer, costs in taken):
            return False
        self._reserved[node.prepared.position] = [
            (name, pacer.reserve(costs, now)) for name, pacer, costs in taken
        ]
        return True

    def undo(self, node: Node, now: float) -> None:
        """Take back what was taken for an attempt that did not begin."""
        for name, reservation in self._reserved.pop(node.prepared.position, ()):
            self._pacers[name].settle(reservation, [0] * len(reservation.costs), now)

    def end(self, node: Node, outcome: Outcome, now: float) -> None:
        """Settle what an attempt has taken, and slow down if it was refused."""
        position = node.prepared.position
        told = self._told.pop(position, {})
        for name, reservation in self._reserved.pop(position, ()):
            pacer = self._pacers[name]
            pacer.settle(reservation, true_costs(pacer.windows, name, reservation.costs, told), now)
            if isinstance(outcome, Failed) and is_refused(outcome, self._rates[name]):
                pacer.refused(reservation, now, outcome.retry_after_s or 0.0)

    def next(self) -> float | None:
        """Return the earliest moment at which a gate opens for somebody who waits at it."""
        moments = [
            gate.due(units)
            for gates in self.gates.values()
            for gate in gates
            for line in gate.lines
            for at, units in line.demand
            if at is gate and units > gate.free  # or it waits for one that comes first, not for the time
        ]
        return min(moments, default=None)


def is_refused(outcome: Failed, rate: Rate) -> bool:
    """Tell whether the other side of ``rate`` has refused an attempt that ended so."""
    because = outcome.because
    by_code = isinstance(because, Exited) and because.code in rate.refused_on
    return by_code or isinstance(outcome.exception, RateLimited)
