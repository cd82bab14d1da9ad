"""Rates: how much may be started in a span of time.

Knows what the user declares, and what a task's cost means in it. When the next start is due is decided
in `scheduling.rates`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from weft.errors import UsageError
from weft.model.health import Health
from weft.model.scope import Scope

# What one window may be written as: a number of units in each `per`, or "100/min".
Spec = int | str
Specs = Spec | Sequence[Spec]
# What a task costs: units of the cost that is named first, or units of each.
Cost = int | Mapping[str, int]

_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
# A span of time with units, as a pattern for the whole of it.
SPAN = rf"(?:({_NUMBER})d)?(?:({_NUMBER})h)?(?:({_NUMBER})m)?(?:({_NUMBER})s)?(?:({_NUMBER})ms)?"
_SECONDS = (86400.0, 3600.0, 60.0, 1.0, 0.001)
_WORDS = {
    word: seconds
    for words, seconds in (
        ("s sec second", 1.0),
        ("m min minute", 60.0),
        ("h hour", 3600.0),
        ("d day", 86400.0),
    )
    for word in words.split()
}


class Window(msgspec.Struct, frozen=True):
    """In no span of ``per_s`` seconds is more than ``limit`` units of ``cost`` started.

    ``cost`` is the name of what is counted, "" where there is but one. ``burst`` is the most that is
    started at one moment; what is left of the limit is then spread evenly.
    """

    cost: str
    limit: int
    per_s: float
    burst: int | None = None

    @property
    def largest(self) -> int:
        """The largest cost that can ever be started."""
        return self.limit if self.burst is None else self.burst


class Aimd(msgspec.Struct, frozen=True):
    """How a rate adapts when the other side refuses: additive increase, multiplicative decrease.

    Args:
        decrease: a burst of refusals leaves this part of the rate, 0 to 1.
        increase: each window without a refusal gives this part of the declared limit back, 0 to 1.
    """

    decrease: float = 0.5  # TCP's, and that of the adaptive limiters made after it
    increase: float = 0.1


class Rate(msgspec.Struct, frozen=True):
    """At most ``limit`` units of cost are started in any span of ``per``.

    Args:
        limit: units; or "100/min", which says ``per`` as well; or several of these, which all hold;
            or a mapping of named costs to them. A task that names no cost takes from the first name.
        per: a number of seconds, or a span such as "1m", "1h30m" or "250ms".
        burst: the most units at one moment; the rest is spread evenly over ``per``. Without it all of
            the limit may be started at once. It concerns the first window, and never adds to a limit.
        adapt: how the rate is lowered after refusals, and recovers; None when it isn't.
        refused_on: exit codes by which a command tells that the other side has refused it.
        health: watches the attempts that use this rate.
        scope: among whom it is shared: the tasks of the run, or all Weft processes of this user.

    Raises:
        UsageError: no rate is written like this.

    >>> Rate(100, per="1m").windows
    (Window(cost='', limit=100, per_s=60.0, burst=None),)
    >>> [window.per_s for window in Rate({"requests": "100/min", "tokens": "1000000/day"}).windows]
    [60.0, 86400.0]
    """

    limit: Specs | Mapping[str, Specs]
    per: float | str | None = None
    burst: int | None = None
    adapt: Aimd | None = Aimd()
    refused_on: tuple[int, ...] = ()
    health: Health | None = None
    scope: Scope = Scope.RUN

    def __post_init__(self) -> None:
        windows = self.windows  # or the mistake would show where nobody knows who made it
        first = windows[0]
        if self.burst is not None and not 1 <= self.burst <= first.limit:
            raise UsageError(f"a burst of {self.burst} units; expected 1 to {first.limit}, the limit")
        adapt = self.adapt
        if adapt is not None and not (0 < adapt.decrease < 1 and 0 < adapt.increase <= 1):
            raise UsageError(f"{adapt} does not adapt; expected parts between 0 and 1")

    @property
    def windows(self) -> tuple[Window, ...]:
        """All that must hold, in the order in which it was written."""
        named = self.limit if isinstance(self.limit, Mapping) else {"": self.limit}
        specs = [
            (cost, spec)
            for cost, several in named.items()
            for spec in (several if isinstance(several, tuple | list) else (several,))
        ]
        if not specs:
            raise UsageError("a rate without a limit; expected one such as 100/min")
        return tuple(
            Window(cost, *self._limit_and_span(spec), self.burst if number == 0 else None)
            for number, (cost, spec) in enumerate(specs)
        )

    def _limit_and_span(self, spec: Spec) -> tuple[int, float]:
        if isinstance(spec, str):
            return limit_in(spec)
        if isinstance(spec, bool) or spec < 1:
            raise UsageError(f"a limit of {spec} units; expected 1 or more")
        per_s = seconds_in(self.per)
        if per_s is None or per_s <= 0:
            raise UsageError(f"a rate with `per` {self.per!r}; expected seconds, or a span such as 1m")
        return spec, per_s


def limit_in(text: str) -> tuple[int, float]:
    """Return the limit and the seconds of a rate that is written in one word.

    Raises:
        UsageError: it is no such word.

    >>> limit_in("100/min"), limit_in("5/1m30s")
    ((100, 60.0), (5, 90.0))
    """
    limit, _, span = (part.strip() for part in text.partition("/"))
    per_s = _WORDS.get(span) or seconds_in(span)
    if not re.fullmatch("[0-9]{1,15}", limit) or int(limit) < 1 or not per_s:
        raise UsageError(f"`{text}` is no rate; expected one such as 100/min, 5/s or 1000/1h30m")
    return int(limit), per_s


def seconds_in(span: object) -> float | None:
    """Return the seconds that a number or a span with units stands for, None for anything else.

    >>> seconds_in("1h30m"), seconds_in(2), seconds_in("soon")
    (5400.0, 2.0, None)
    """
    if isinstance(span, str) and span and (parts := re.fullmatch(SPAN, span)):
        both = zip(parts.groups(), _SECONDS, strict=True)
        span = sum(float(number) * seconds for number, seconds in both if number)
    if isinstance(span, int | float) and not isinstance(span, bool) and 0 <= span < 1e300:
        return float(span)
    return None


def costs_of(rate: Rate, cost: Cost) -> tuple[int, ...]:
    """Return what ``cost`` is in each window of ``rate``.

    A number counts in the windows of the first name. In a mapping, the first name is 1 if it is left
    out, as every start is one start; others are 0, to be told when the work has ended.

    Raises:
        UsageError: the rate has no cost of such a name, or it is less than nothing.

    >>> costs_of(Rate({"requests": "100/min", "tokens": "40000/min"}), {"tokens": 800})
    (1, 800)
    """
    return costs_in(rate.windows, cost)


def costs_in(windows: tuple[Window, ...], cost: Cost) -> tuple[int, ...]:
    """Do what `costs_of` does, for who has the windows at hand already."""
    first = windows[0].cost
    given = {first: cost} if isinstance(cost, int) else {first: 1, **cost}
    known = {window.cost for window in windows}
    for name, units in given.items():
        if name not in known:
            names = ", ".join(f"`{window.cost}`" for window in windows)
            raise UsageError(f"the rate has no cost `{name}`; expected one of {names}")
        if units < 0:
            raise UsageError(f"a cost of {units} units; expected 0 or more")
    return tuple(given.get(window.cost, 0) for window in windows)


def true_costs(
    windows: tuple[Window, ...], limit: str, reserved: Sequence[int], told: Mapping[str, int]
) -> tuple[int, ...]:
    """Return what a start has cost in each window: what was ``told``, else what was ``reserved``.

    A cost without a name goes by that of the ``limit``.

    >>> windows = Rate({"requests": "100/min", "tokens": "40000/min"}).windows
    >>> true_costs(windows, "api", (1, 800), {"tokens": 812})
    (1, 812)
    """
    pairs = zip(windows, reserved, strict=True)
    return tuple([told.get(window.cost or limit, units) for window, units in pairs])


def too_small_for(rate: Rate, cost: Cost) -> Window | None:
    """Return a window in which ``cost`` never fits, however long it waits.

    >>> too_small_for(Rate(100, per="1m"), 101)
    Window(cost='', limit=100, per_s=60.0, burst=None)
    >>> too_small_for(Rate(100, per="1m"), 100) is None
    True
    """
    pairs = zip(rate.windows, costs_of(rate, cost), strict=True)
    return next((window for window, units in pairs if units > window.largest), None)


def useful_concurrency(rate: Rate, cost: Cost = 1) -> int | None:
    """Return how many tasks of this cost one span of the rate lets start; more at once only wait.

    It is ``floor(limit / cost)``, of the window that allows least. None when they cost nothing.

    >>> useful_concurrency(Rate(100, per="1m"), 30)
    3
    """
    pairs = zip(rate.windows, costs_of(rate, cost), strict=True)
    return min((window.limit // units for window, units in pairs if units), default=None)
