"""The sentences of what speaks for a recommendation: made here and nowhere else."""

from __future__ import annotations

from typing import assert_never

from weft.model.sentences import sentence
from weft.planning.recommend.evidence import (
    Aggregated,
    AtMost,
    CallsApi,
    Clash,
    Evidence,
    Freed,
    GroupOfOthers,
    HasPriority,
    IsFunction,
    IsPrivate,
    Known,
    Left,
    Levels,
    Limited,
    ManyWait,
    MayCountTwice,
    MaySend,
    NamedSo,
    NamesApi,
    NamesNetwork,
    OutOfReach,
    RateOfOthers,
    RateUnused,
    Removes,
    SameOutput,
    SideBySide,
    Sign,
    TakesLong,
    Tolerated,
    TriedAgain,
    UsesNetwork,
    UsesOutput,
    WantedFile,
)
from weft.views.page import MOST_ITEMS, count, names, seconds


def evidence_sentence(evidence: Evidence) -> str:
    """Return what ``evidence`` says.

    >>> from weft.model.priority import LOW
    >>> evidence_sentence(NamedSo("warmup", "warmup", LOW))
    '`warmup` has `warmup` in its name, or in that of its group: low'
    """
    if isinstance(evidence, Known):
        return _known(evidence)
    return _left(evidence) if isinstance(evidence, Left) else _sign(evidence)


def _sign(evidence: Sign) -> str:
    match evidence:
        case SideBySide(entries, n_pairs, n_unproven):
            proof = (
                f", {n_unproven:,} of them with tasks that do not say what they touch" if n_unproven else ""
            )
            return f"nothing orders {count(n_pairs, 'pair')} of tasks{proof}; most at once: {names(entries)}"
        case NamedSo(entry, word, priority):
            return f"`{entry}` has `{word}` in its name, or in that of its group: {priority.name.lower()}"
        case ManyWait(entry, n_waiting, n_tasks, n_beside):
            return (
                f"{n_waiting:,} of {count(n_tasks, 'task')} wait for `{entry}`, "
                f"and {n_beside:,} that do not could take its slots: high"
            )
        case TakesLong(entry, duration_s, shortest_s):
            return (
                f"`{entry}` takes {seconds(duration_s)}, nobody waits for it, and others that want the same "
                f"slots take {seconds(shortest_s)}: low"
            )
        case UsesOutput(writer, reader, path):
            return (
                f"the command of `{reader}` names `{path}`, which `{writer}` writes; nothing orders the two"
            )
        case Clash(before, after, because):
            return f"`{after}` after `{before}`: {sentence(because)}"
        case Freed(n_pairs):
            return f"{count(n_pairs, 'pair')} more may run side by side then"
        case SameOutput(entries, path):
            return f"the commands of {names(entries)} write `{path}`, in whatever order they happen to run"
        case CallsApi(api, entries, n_tasks):
            return f"{count(n_tasks, 'task')} call `{api}` and take units of no limit: {names(entries)}"
        case NamesApi(api, entries, n_tasks):
            return (
                f"the functions of {count(n_tasks, 'task')} name `{api}` in their code, and take units of "
                f"no limit: {names(entries)}"
            )
        case RateUnused(rate):
            return f"the rate `{rate}` is declared, and no task takes units of it"
        case RateOfOthers(limit, entries):
            return f"others that call the same take units of `{limit}`: {names(entries)}"
        case Aggregated(aggregate, entries, n_tasks):
            return (
                f"`{aggregate}` is made of the results of {count(n_tasks, 'task')}, {names(entries)}; "
                "a single one that fails fails the run"
            )
        case UsesNetwork(entry, programs, others):
            again = f"; what else it calls would be done again, too: {names(others)}" if others else ""
            return f"`{entry}` goes over the network ({names(programs)}) and is tried once{again}"
        case NamesNetwork(entry, modules):
            return f"`{entry}` names {names(modules)} in its code, and is tried once"
        case _:
            assert_never(evidence)


def _known(evidence: Known) -> str:
    match evidence:
        case AtMost(max_concurrent):
            return f"`max_concurrent: {max_concurrent}` bounds how many run at once"
        case HasPriority(entries):
            return f"with a priority, or speculative: {names(entries)}"
        case Levels(groups, n_edges):
            shown = " -> ".join(_level(group) for group in groups[:MOST_ITEMS])
            rest = f" and {len(groups) - MOST_ITEMS:,} more" if len(groups) > MOST_ITEMS else ""
            return f"{count(n_edges, 'edge')}; parallel groups: {shown}{rest}"
        case IsPrivate(entries):
            return f"in workspaces of their own: {names(entries)}"
        case Limited(entries, limits):
            return f"{names(entries)} take units of {names(limits)}"
        case Tolerated(aggregate, groups):
            return f"`{aggregate}` does with a part of {names(groups)}"
        case TriedAgain(entries):
            return f"tried again when they fail: {names(entries)}"
        case _:
            assert_never(evidence)


def _left(evidence: Left) -> str:
    match evidence:
        case WantedFile(before, after, path):
            return (
                f"`{after}` writes `{path}`, as `{before}` does. If it writes all of it anew, "
                "`workspace: copy` and `merge: last` let both run at once; if both add lines, "
                "`merge: union` does"
            )
        case OutOfReach(entry, path):
            return f"`{entry}` writes `{path}`, which no workspace holds"
        case Removes(entry, program):
            return (
                f"`{entry}` calls `{program}`, which does not find in a workspace what others make meanwhile"
            )
        case IsFunction(entry):
            return f"`{entry}` is a function, which writes where it likes"
        case GroupOfOthers(aggregate, entry, group):
            return (
                f"`{entry}`, of which `{aggregate}` is made, belongs to the group `{group}`, which is about "
                "more than that, or must be complete"
            )
        case MayCountTwice(entry, does):
            return (
                f"`{entry}` goes over the network, and `{does}` was perhaps half done when it fails. If it "
                "may be done twice, say so: `idempotent: true`"
            )
        case MaySend(entry, modules, does):
            return (
                f"`{entry}` names {names(modules)} in its code, and `{does}`, which was perhaps half done "
                'when it fails. If it may be done twice, say so: `effects="idempotent"`'
            )
        case _:
            assert_never(evidence)


def _level(group: tuple[str, ...]) -> str:
    if len(group) == 1:
        return group[0]
    rest = ", …" if len(group) > MOST_ITEMS else ""
    return f"[{', '.join(group[:MOST_ITEMS])}{rest}]"
