"""What runs of one plan, one by one and many at once, have in common: where they differ there is a race.

Knows what was left behind by each run, and who was seen writing it. How the runs were made is the matter
of `runtime.race`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from weft.model.outcome import Failed, Outcome, Succeeded
from weft.model.sentences import outcome_sentence
from weft.planning.observed import Change, UndeclaredWrite, declares, undeclared_writes
from weft.planning.patterns import NOWHERE, Ground
from weft.planning.prepare import PreparedPlan
from weft.planning.reach import shortest_chain, starts_after

NAMES_SHOWN = 5


class Trace(msgspec.Struct, frozen=True):
    """What one run has left behind: a text for the content of each file, and the outcome of each task."""

    files: Mapping[str, str]
    outcomes: Mapping[str, Outcome]


class FileDiffers(msgspec.Struct, frozen=True):
    """The file at ``path`` was another one after these ``runs``.

    ``writers`` wrote it, or declare that they do; those in ``silent`` wrote it and don't declare it.
    Where there are none of these, ``beside`` are tasks that write something and may run at the same time
    as a writer, which may have read that.
    """

    path: str
    runs: tuple[str, ...]
    writers: tuple[str, ...]
    silent: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()


class OutcomeDiffers(msgspec.Struct, frozen=True):
    """``task`` ended in another way, or with another result, in these ``runs``."""

    task: str
    runs: tuple[str, ...]
    expected: str
    found: str


class RaceReport(msgspec.Struct, frozen=True):
    """What was found out by ``n_runs`` runs, held against those of one task after the other.

    ``unstable`` are files and tasks that differ even between two runs of one task after the other, and so
    tell nothing.
    """

    n_runs: int
    n_tasks: int
    files: tuple[FileDiffers, ...] = ()
    outcomes: tuple[OutcomeDiffers, ...] = ()
    undeclared: tuple[UndeclaredWrite, ...] = ()
    unstable: tuple[str, ...] = ()

    @property
    def found(self) -> bool:
        """Whether there is a race."""
        return bool(self.files or self.outcomes)

    @property
    def differing(self) -> frozenset[str]:
        """The runs after which something was different."""
        runs = (*(file.runs for file in self.files), *(end.runs for end in self.outcomes))
        return frozenset(run for each in runs for run in each)


def race_report(
    prepared: PreparedPlan,
    one_by_one: tuple[Trace, Trace],
    observed: Mapping[int, Mapping[str, Change]],
    others: Mapping[str, Trace],
    ground: Ground = NOWHERE,
) -> RaceReport:
    """Return where the ``others`` differ from the runs ``one_by_one``.

    Args:
        prepared: the plan.
        one_by_one: two runs in program order.
        observed: what each task, by position, did to which path in the first of them.
        others: the traces of further runs by what they are called.
        ground: what the plan was prepared with.
    """
    expected, again = one_by_one
    unstable = {*_different(expected.files, again.files), *_changed(expected.outcomes, again.outcomes)}
    paths: dict[str, list[str]] = {}
    tasks: dict[str, list[str]] = {}
    for run, trace in others.items():
        for path in _different(expected.files, trace.files):
            paths.setdefault(path, []).append(run)
        for task in _changed(expected.outcomes, trace.outcomes):
            tasks.setdefault(task, []).append(run)
    suspects = _Suspects(prepared, observed, ground)
    return RaceReport(
        len(others),
        len(prepared.tasks),
        tuple([suspects.of(path, runs) for path, runs in sorted(paths.items()) if path not in unstable]),
        tuple(
            [
                _outcome_differs(task, runs, expected, others[runs[0]])
                for task, runs in tasks.items()
                if task not in unstable
            ]
        ),
        tuple(undeclared_writes(prepared.plan.tasks, observed, ground)),
        tuple(sorted(unstable)),
    )


def race_text(report: RaceReport) -> str:
    """Return the report as text for people."""
    return "".join(f"{line}\n" for line in _lines(report))


class _Suspects:
    """Finds the tasks that may be behind a difference."""

    def __init__(
        self, prepared: PreparedPlan, observed: Mapping[int, Mapping[str, Change]], ground: Ground
    ) -> None:
        self._tasks = prepared.plan.tasks
        self._observed = observed
        self._ground = ground
        self._followers = starts_after(prepared)

    def of(self, path: str, runs: Sequence[str]) -> FileDiffers:
        seen = [at for at, changed in sorted(self._observed.items()) if path in changed]
        silent = [at for at in seen if not self._declares(at, path)]
        writers = [at for at in range(len(self._tasks)) if at in seen or self._declares(at, path)]
        beside = [] if silent else self._beside(writers)
        return FileDiffers(path, tuple(runs), self._ids(writers), self._ids(silent), self._ids(beside))

    def _declares(self, position: int, path: str) -> bool:
        return declares(self._tasks[position], path, self._ground)

    def _ids(self, positions: Iterable[int]) -> tuple[str, ...]:
        return tuple([self._tasks[position].id for position in positions])

    def _beside(self, writers: Sequence[int]) -> list[int]:
        others = [other for other, changed in sorted(self._observed.items()) if changed]
        return [other for other in others if any(self._are_unordered(other, writer) for writer in writers)]

    def _are_unordered(self, a: int, b: int) -> bool:
        followers = self._followers
        return a != b and not shortest_chain(followers, a, b) and not shortest_chain(followers, b, a)


def _different(expected: Mapping[str, str], found: Mapping[str, str]) -> Iterator[str]:
    for path in sorted({**expected, **found}):
        if expected.get(path) != found.get(path):
            yield path


def _changed(expected: Mapping[str, Outcome], found: Mapping[str, Outcome]) -> Iterator[str]:
    for task, outcome in expected.items():
        if _told(outcome) != _told(found[task]):
            yield task


def _told(outcome: Outcome) -> object:
    """Return what is compared: of tasks that did not run to their end, the kind of their end."""
    if isinstance(outcome, Succeeded):
        return ("succeeded", outcome.value)
    return outcome.because if isinstance(outcome, Failed) else type(outcome)


def _outcome_differs(task: str, runs: Sequence[str], expected: Trace, found: Trace) -> OutcomeDiffers:
    before, after = expected.outcomes[task], found.outcomes[task]
    return OutcomeDiffers(task, tuple(runs), outcome_sentence(before), outcome_sentence(after))


def _lines(report: RaceReport) -> Iterator[str]:
    runs = f"{report.n_runs} run{'' if report.n_runs == 1 else 's'} in other orders"
    if report.found:
        yield f"a race: {runs} did not all leave what one task after the other leaves"
    else:
        yield f"no race found: {runs} left the files and results of one task after the other"
    for file in report.files:
        yield f"  `{file.path}` differs in {_listed(file.runs)}"
        yield f"    {_blamed(file)}"
    for end in report.outcomes:
        yield f"  task `{end.task}` differs in {_listed(end.runs)}"
        yield f"    {_ends(end)}"
    for write in report.undeclared:
        yield f"not declared: `{write.task}` {write.change.value} `{write.path}`"
    if report.unstable:
        yield f"not compared, as it changes even from one such run to the next: {_quoted(report.unstable)}"


def _blamed(file: FileDiffers) -> str:
    if not file.writers:
        return "no task was seen writing it"
    written = f"written by {_quoted(file.writers)}"
    if file.silent:
        return f"{written}; not declared under the `writes` of {_quoted(file.silent)}"
    if file.beside:
        return f"{written}, beside which these write, too: {_quoted(file.beside)}"
    return written


def _ends(end: OutcomeDiffers) -> str:
    if end.expected == end.found:
        return "its result is another one"
    return f"it {end.found}; one task after the other it {end.expected}"


def _quoted(names: Sequence[str]) -> str:
    return _listed([f"`{name}`" for name in names])


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMES_SHOWN])
    return f"{shown} and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else shown
