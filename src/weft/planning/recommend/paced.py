"""API-constrained tasks: a rate bounds how many calls start in a span of time.

What an API allows can't be seen in a plan. Where no limit of the plan fits, the rate that is put in is an
assumption, and the recommendation is no more than possible.
"""

from __future__ import annotations

from collections.abc import Iterator

from weft.model.limits import MAX_CONCURRENT
from weft.model.rate import Rate
from weft.model.work import Call, Command
from weft.planning.recommend.evidence import CallsApi, Evidence, Limited, NamesApi, RateOfOthers, RateUnused
from weft.planning.recommend.network import apis_by_key, ways_of
from weft.planning.recommend.recommendation import Recommendation, Scenario, Sure, of_tasks, together
from weft.planning.recommend.subject import Subject

# What many APIs allow whoever asks for nothing else; that of this one stands in its documentation.
ASSUMED = "100/min"
FEWEST_TASKS = 2  # a single call needs no pace
_ORDER = (Sure.CERTAIN, Sure.LIKELY, Sure.POSSIBLE)

_Advice = tuple[Sure, list[Evidence], dict[str, object]]


def paced(subject: Subject) -> Recommendation | None:
    """Recommend units of a rate for tasks that call an API and take units of no limit."""
    callers = _callers(subject)
    used = {name for task in subject.tasks for name in task.limits}
    rates = [name for name, limit in subject.plan.limits.items() if isinstance(limit, Rate)]
    unused = [rate for rate in rates if rate not in used]
    advices = [
        advice
        for api, positions in callers.items()
        if (advice := _advice(subject, api, positions, rates, unused))
    ]
    evidence = [each for advice in advices for each in advice[1]]
    taken = {each.rate for each in evidence if isinstance(each, RateUnused)}
    left = tuple(RateUnused(rate) for rate in unused if rate not in taken)
    if advices or left:
        sure = max((advice[0] for advice in advices), key=_ORDER.index, default=Sure.CERTAIN)
        patch = together([advice[2] for advice in advices])
        return Recommendation(Scenario.API, sure, tuple(evidence), patch, left)
    limited = [at for positions in callers.values() for at in positions if _limits(subject, at)]
    if not limited:
        return None
    limits = tuple(dict.fromkeys(name for at in limited for name in _limits(subject, at)))
    return Recommendation(Scenario.API, Sure.LIKELY, (Limited(subject.entries_of(limited), limits),))


def _callers(subject: Subject) -> dict[str, list[int]]:
    """Return the tasks that call each API; one that stands in the environment of all tells nothing of any."""
    apis = [dict.fromkeys(_apis(subject, at)) for at in range(len(subject.tasks))]
    commands = [task.work for task in subject.tasks if isinstance(task.work, Command)]
    everywhere = {
        name for name in (commands[0].env if commands else ()) if all(name in work.env for work in commands)
    }
    callers: dict[str, list[int]] = {}
    for at, task in enumerate(subject.tasks):
        env = task.work.env if isinstance(task.work, Command) else ()
        own = [name for name in env if len(commands) == 1 or name not in everywhere]
        for api in (*apis[at], *apis_by_key(own)):
            if at not in callers.setdefault(api, []):
                callers[api].append(at)
    return callers


def _apis(subject: Subject, at: int) -> Iterator[str]:
    yield from (way.api for way in ways_of(subject.scripts[at]) if way.api)
    for call in subject.scripts[at].calls:
        yield from apis_by_key(call.args)
    yield from subject.functions[at].apis


def _limits(subject: Subject, at: int) -> list[str]:
    return [name for name in subject.tasks[at].limits if name != MAX_CONCURRENT]


def _advice(
    subject: Subject, api: str, positions: list[int], rates: list[str], unused: list[str]
) -> _Advice | None:
    free = [at for at in positions if not _limits(subject, at)]
    if not free:
        return None
    entries = subject.entries_of(free)
    found = list(_calls(subject, api, free))
    others = [at for at in positions if at not in free]
    theirs = [name for at in others for name in _limits(subject, at) if name in rates]
    named = [rate for rate in unused if rate.lower() in api.split(".")]
    if theirs:
        users = subject.entries_of(at for at in others if theirs[0] in subject.tasks[at].limits)
        if set(users) & set(entries):
            return None  # an entry whose members differ
        return Sure.LIKELY, [*found, RateOfOthers(theirs[0], users)], _units(entries, theirs[0])
    if unused:
        sure = Sure.LIKELY if named else Sure.POSSIBLE
        rate = (named or unused)[0]
        return sure, [*found, RateUnused(rate)], _units(entries, rate)
    if len(free) < FEWEST_TASKS:
        return None
    return Sure.POSSIBLE, found, {"limits": {api: {"rate": ASSUMED}}} | _units(entries, api)


def _calls(subject: Subject, api: str, positions: list[int]) -> Iterator[Evidence]:
    commands = [at for at in positions if isinstance(subject.tasks[at].work, Command)]
    functions = [at for at in positions if isinstance(subject.tasks[at].work, Call)]
    if commands:
        yield CallsApi(api, subject.entries_of(commands), len(commands))
    if functions:
        yield NamesApi(api, subject.entries_of(functions), len(functions))


def _units(entries: tuple[str, ...], limit: str) -> dict[str, object]:
    return of_tasks({name: {"limits": {limit: 1}} for name in entries})
