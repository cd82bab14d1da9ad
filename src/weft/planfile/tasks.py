"""From an entry under `tasks` to tasks: one, or the members of a fan-out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec.structs import replace

from weft.model.access import Accesses
from weft.model.cache import Cache
from weft.model.lock import Hold
from weft.model.speculation import Effects
from weft.model.task import Task
from weft.model.work import Command
from weft.model.workspace import Workspace
from weft.planfile.each import members
from weft.planfile.keys import TaskEntry
from weft.planfile.placeholders import Placeholders, needs_quotes
from weft.planfile.reading import Reading
from weft.planfile.tree import Path
from weft.planfile.wording import label, printable
from weft.planning.patterns import escaped as literal
from weft.views.visible import visible


def tasks_of(name: str, entry: TaskEntry, env: Mapping[str, str], reading: Reading) -> Iterator[Task]:
    """Yield the tasks of ``entry``; ``env`` is that of the whole plan.

    Where the fan-out has problems a single task stands for it, so that others may need it by name.
    """
    each = ("tasks", name, "each")
    if not entry.each or reading.notes.spoilt(each):
        yield _task(name, entry, env)
        return
    placeholders = Placeholders(entry.each)
    rows = list(members(entry.each, each, reading))
    for values in rows:
        yield _member(name, entry, env, placeholders, values)
    if not rows:
        yield _task(name, entry, env)
    if isinstance(entry.run, str):
        _refuse_misplaced(("tasks", name, "run"), entry.run, placeholders, rows, reading)
    if entry.workspace is not None and isinstance(entry.workspace.setup, str):
        setup = ("tasks", name, "workspace", "setup")
        _refuse_misplaced(setup, entry.workspace.setup, placeholders, rows, reading)


def _task(name: str, entry: TaskEntry, env: Mapping[str, str]) -> Task:
    return Task(
        id=name,
        work=Command(entry.run or (), {**env, **entry.env} if entry.env else env, entry.cwd, entry.result),
        needs=entry.needs,
        limits=entry.limits,
        priority=entry.priority,
        duration_s=entry.duration,
        accesses=_accesses(entry, str),
        group=entry.group,
        retry=entry.retry,
        timeout=entry.timeout,
        locks=entry.locks,
        speculative=entry.speculative,
        effects=_effects(entry),
        workspace=entry.workspace,
        merge=entry.merge,
        cache=entry.cache,
    )


def _member(
    name: str,
    entry: TaskEntry,
    env: Mapping[str, str],
    placeholders: Placeholders,
    values: Mapping[str, str],
) -> Task:
    def fill(text: str) -> str:
        return placeholders.fill(text, values)

    script = _filled(entry.run or (), placeholders, values)
    shown = {key: visible(value) for key, value in values.items()}  # an id must fit into one line
    patterns = {key: literal(value) for key, value in values.items()}  # a value is a name, not a glob
    own_env = {variable: fill(value) for variable, value in entry.env.items()}
    return Task(
        id=f"{name}[{','.join(shown.values())}]",
        work=Command(script, {**env, **own_env} if own_env else env, fill(entry.cwd), entry.result),
        needs=tuple(placeholders.fill(needed, shown) for needed in entry.needs),
        limits=entry.limits,
        priority=entry.priority,
        duration_s=entry.duration,
        family=name,
        accesses=_accesses(entry, lambda text: placeholders.fill(text, patterns)),
        group=entry.group,
        retry=entry.retry,
        timeout=entry.timeout,
        locks=_locks(entry, lambda text: placeholders.fill(text, shown)),
        speculative=entry.speculative,
        effects=_effects(entry),
        workspace=_workspace(
            entry.workspace,
            lambda text: placeholders.fill(text, patterns),
            lambda run: _filled(run, placeholders, values),
        ),
        merge=entry.merge,
        cache=_cache(entry.cache, fill, lambda text: placeholders.fill(text, patterns)),
    )


def _filled(
    run: str | tuple[str, ...], placeholders: Placeholders, values: Mapping[str, str]
) -> str | tuple[str, ...]:
    if isinstance(run, str):
        return placeholders.fill_script(run, values)
    return tuple(placeholders.fill(part, values) for part in run)


def _workspace(
    place: Workspace | None,
    fill: Callable[[str], str],
    fill_run: Callable[[str | tuple[str, ...]], str | tuple[str, ...]],
) -> Workspace | None:
    if place is None:
        return None
    return replace(
        place,
        include=tuple(map(fill, place.include)),
        exclude=tuple(map(fill, place.exclude)),
        setup=None if place.setup is None else fill_run(place.setup),
        readonly=tuple(map(fill, place.readonly)),
    )


def _cache(
    cache: Cache | None, fill: Callable[[str], str], fill_pattern: Callable[[str], str]
) -> Cache | None:
    if cache is None:
        return None
    return replace(
        cache,
        inputs=None if cache.inputs is None else tuple(map(fill_pattern, cache.inputs)),
        outputs=None if cache.outputs is None else tuple(map(fill_pattern, cache.outputs)),
        version=fill(cache.version),
    )


def _accesses(entry: TaskEntry, fill: Callable[[str], str]) -> Accesses | None:
    if entry.reads is None and entry.writes is None:
        return None
    return Accesses(tuple(map(fill, entry.reads or ())), tuple(map(fill, entry.writes or ())))


def _locks(entry: TaskEntry, fill: Callable[[str], str]) -> dict[str, Hold]:
    locks: dict[str, Hold] = {}
    for name, hold in entry.locks.items():
        filled = fill(name)
        if locks.get(filled) is not Hold.EXCLUSIVE:  # of two names that become one, the stricter
            locks[filled] = hold
    return locks


def _effects(entry: TaskEntry) -> Effects:
    if entry.pure:
        return Effects.PURE
    return Effects.IDEMPOTENT if entry.idempotent else Effects.UNKNOWN


def _refuse_misplaced(
    path: Path, script: str, placeholders: Placeholders, rows: Iterable[Mapping[str, str]], reading: Reading
) -> None:
    """Take down the first value that would leave the quotes it stands in: its own quotes would end them."""
    names = placeholders.in_quotes(script)
    for values in rows if names else ():
        for name in filter(lambda name: needs_quotes(values[name]), names):
            reading.problem(
                path,
                f"`{{{name}}}` in {label(path)} stands inside quotes or a here-document, "
                f"where the value `{printable(values[name])}` would not stay one word",
                'it is quoted already: take the quotes away, or write "$VALUE" there '
                f'and `env: {{VALUE: "{{{name}}}"}}`',
            )
            return
