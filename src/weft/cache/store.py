"""The cache of a plan: says whether a task must run, and keeps what it has made.

How the caller goes about it:

1. `look_up` tells whether a result can be used, and changes nothing.
2. A hit is made use of by `use`: outputs are put back, and nobody removes what belongs to it.
3. On a miss, `before` looks at the inputs right before the task starts, and `keep` stores what came of it,
   unless an input was written to in between.

All of it reads and writes files, and may be called from several threads.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from weft.cache import blobs
from weft.cache.entry import FORMAT, Entry, expired, input_reason, moved, output_reasons
from weft.cache.inputs import Look, States, plain_paths
from weft.cache.key import Fingerprint
from weft.cache.pins import Pin
from weft.cache.restore import CannotRestore, put_back
from weft.cache.result import CannotStore, decode_result, encode_result
from weft.cache.saved import Shelf
from weft.cache.state import CannotLook, State
from weft.disk.content import digest_of_bytes
from weft.disk.entry import Kind
from weft.disk.values import load
from weft.model.cache import Cache
from weft.model.miss import (
    CannotWrite,
    CopyCorrupt,
    CopyGone,
    EntryUnreadable,
    FieldChanged,
    InputMoved,
    MissReason,
    NothingKept,
    NotKeptReason,
    NotStorable,
    OutputMoved,
    OutputNotMade,
    Unreadable,
)


class Asked(msgspec.Struct, frozen=True):
    """A task, as the cache sees it: ``cache`` is `filled`."""

    task: str
    fingerprint: Fingerprint
    cache: Cache


class Hit(msgspec.Struct, frozen=True):
    """The result in ``entry`` holds, once the outputs ``to_restore`` are put back.

    ``inputs`` and ``outputs`` are what stands there now.
    """

    entry: Entry
    inputs: dict[str, State]
    outputs: dict[str, State]
    to_restore: tuple[str, ...] = ()


class Miss(msgspec.Struct, frozen=True):
    """The task must run."""

    reason: MissReason


class Kept(msgspec.Struct, frozen=True):
    """The result is kept."""

    entry: Entry


class NotKept(msgspec.Struct, frozen=True):
    """The result is not kept, and the task will run again."""

    reason: NotKeptReason


class Remembered(msgspec.Struct, frozen=True):
    """The fields of the task when its result was last kept."""

    task: str
    key: str
    fields: dict[str, str]


class Replay(msgspec.Struct, frozen=True):
    """What the task would bring: its result, and the paths of files that hold its logs, by their names."""

    value: Any
    logs: dict[str, str]


class Store:
    """The cache in one folder, as one process uses it.

    Args:
        folder: where it lies; made when there is something to keep.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.shelf = Shelf(folder)
        self._pin = Pin(self.shelf)

    def close(self) -> None:
        """Let others remove what was used."""
        self._pin.close()

    def look_up(self, asked: Asked, look: Look, now: float) -> Hit | Miss:
        """Tell whether a result can be used; changes nothing.

        Args:
            asked: the task.
            look: looks at the place of its files.
            now: in seconds since 1970.
        """
        entry = self._entry(asked)
        if isinstance(entry, Miss):
            return entry
        if too_old := expired(entry, asked.cache.ttl_s, now):
            return Miss(too_old)
        try:
            inputs = look.inputs(asked.cache.inputs or (), entry.inputs)
            if different := input_reason(entry, inputs):
                return Miss(different)
            outputs = _outputs_now(entry, look)
        except CannotLook as error:
            return Miss(error.reason)
        reasons = output_reasons(entry, outputs)
        if reasons and not (entry.has_copies and asked.cache.restore):
            return Miss(next(iter(reasons.values())))
        return Hit(entry, inputs, outputs, tuple(reasons))

    def use(self, hit: Hit, look: Look) -> Replay | Miss:
        """Make use of ``hit``: put outputs back, and return what the task would bring.

        What belongs to it stays until this is closed. A miss tells what has happened since the look.
        """
        replay = self._held(hit, [*hit.entry.logs.values()])
        if isinstance(replay, Miss):
            return replay
        outputs = self._restored(hit, look)
        return outputs if isinstance(outputs, Miss) else replay

    def hold(self, hit: Hit) -> Replay | Miss:
        """Return what the task would bring, and leave its outputs to `put_back`, which has all it needs."""
        return self._held(hit, list(hit.entry.blobs()))

    def _held(self, hit: Hit, needed: Sequence[str]) -> Replay | Miss:
        entry = hit.entry
        with suppress(OSError):  # where nothing can be written, nobody removes anything either
            self._pin.hold([entry.key, *entry.blobs()])
        try:
            self._check(entry, needed)
            value = None if entry.result is None else decode_result(blobs.read(self.shelf, entry.result))
        except CannotRestore as error:
            return Miss(error.reason)
        except FileNotFoundError:
            return Miss(CopyGone("the result"))
        except blobs.Changed:
            return Miss(CopyCorrupt("the result"))
        except (OSError, ValueError) as error:
            return Miss(EntryUnreadable(str(error)))
        return Replay(value, {name: self.shelf.blob(digest) for name, digest in entry.logs.items()})

    def put_back(self, hit: Hit, look: Look) -> Miss | None:
        """Put back the outputs of ``hit``, which is held, as far as they are missing or changed by now."""
        try:
            outputs = _outputs_now(hit.entry, look)
        except CannotLook as error:
            return Miss(error.reason)
        to_restore = tuple(output_reasons(hit.entry, outputs))
        put = self._restored(Hit(hit.entry, hit.inputs, outputs, to_restore), look)
        return put if isinstance(put, Miss) else None

    def before(self, asked: Asked, look: Look) -> States | NotKept:
        """Return what the inputs are, right before the task starts; to be handed to `keep`."""
        try:
            return look.inputs(asked.cache.inputs or ())
        except CannotLook as error:
            return NotKept(error.reason)

    def keep(
        self, asked: Asked, look: Look, before: States, value: Any, logs: Mapping[str, str], now: float
    ) -> Kept | NotKept:
        """Keep what came of a task that has just succeeded.

        Args:
            asked: the task.
            look: looks at the place where it has worked.
            before: its inputs, as `before` has told them.
            value: its result.
            logs: paths of files with what it has said, by names that come back in `Replay`.
            now: in seconds since 1970.
        """
        try:
            result = None if value is None else encode_result(value)
        except CannotStore as error:
            return NotKept(NotStorable("its result", str(error)))
        try:
            return self._keep(asked, look, before, result, logs, now)
        except CannotLook as looked:
            return NotKept(looked.reason)
        except OSError as failed:
            return NotKept(CannotWrite(failed.strerror or str(failed)))

    def _keep(
        self,
        asked: Asked,
        look: Look,
        before: States,
        result: bytes | None,
        logs: Mapping[str, str],
        now: float,
    ) -> Kept | NotKept:
        cache = asked.cache
        inputs = look.inputs(cache.inputs or (), before)
        if (path := moved(before, inputs)) is not None:
            return NotKept(InputMoved(path))
        outputs = look.outputs(cache.outputs or ())
        if reason := _wrong_output(cache, outputs):
            return NotKept(reason)
        entry = Entry(
            FORMAT,
            asked.fingerprint.key,
            asked.task,
            dict(asked.fingerprint.fields),
            stored_at=now,
            expires_at=None if cache.ttl_s is None else now + cache.ttl_s,
            inputs=inputs,
            outputs=outputs,
            has_copies=cache.restore,
        )
        self._pin.hold([entry.key, *entry.blobs()])
        if reason := self._copy_outputs(entry, look):
            return NotKept(reason)
        entry = self._with_blobs(entry, result, logs)
        self.shelf.write(self.shelf.entry(entry.key), entry)
        remembered = Remembered(entry.task, entry.key, entry.fields)
        self.shelf.write(self.shelf.task(_task_name(asked.task)), remembered)
        return Kept(entry)

    def _copy_outputs(self, entry: Entry, look: Look) -> NotKeptReason | None:
        if not entry.has_copies:
            return None
        for path, state in entry.outputs.items():
            if state.kind is Kind.FILE:
                try:
                    blobs.keep_file(self.shelf, look.place(path), state.digest)
                except (blobs.Changed, FileNotFoundError):
                    return OutputMoved(path)
        return None

    def _with_blobs(self, entry: Entry, result: bytes | None, logs: Mapping[str, str]) -> Entry:
        kept = {}
        for name, path in logs.items():
            with open(path, "rb") as file:
                kept[name] = self._kept_bytes(file.read())
        return msgspec.structs.replace(
            entry, logs=kept, result=None if result is None else self._kept_bytes(result)
        )

    def _kept_bytes(self, content: bytes) -> str:
        self._pin.hold([digest_of_bytes(content)])
        return blobs.keep_bytes(self.shelf, content)

    def _entry(self, asked: Asked) -> Entry | Miss:
        key = asked.fingerprint.key
        try:
            entry = load(self.shelf.entry(key), Entry)
        except FileNotFoundError:
            return Miss(self._why_nothing(asked))
        except (OSError, ValueError) as error:
            return Miss(EntryUnreadable(str(error)))
        if (entry.format, entry.key) != (FORMAT, key):
            return Miss(EntryUnreadable("it is the entry of something else"))
        return entry

    def _why_nothing(self, asked: Asked) -> NothingKept | FieldChanged:
        try:
            last = load(self.shelf.task(_task_name(asked.task)), Remembered)
        except (OSError, ValueError):
            return NothingKept()
        fields = asked.fingerprint.fields
        for field in (*fields, *last.fields):
            if fields.get(field) != last.fields.get(field):
                return FieldChanged(field)
        return NothingKept()

    def _check(self, entry: Entry, needed: Sequence[str]) -> None:
        """Raise if something that is needed later has been removed since the look."""
        names = entry.blobs()
        for digest in needed:
            if not os.path.exists(self.shelf.blob(digest)):
                raise CannotRestore(CopyGone(names[digest]))

    def _restored(self, hit: Hit, look: Look) -> Miss | None:
        """Put back what is ``to_restore``; a miss tells why that can't be done."""
        entry, outputs = hit.entry, hit.outputs
        try:
            if hit.to_restore:
                put_back(self.shelf, look.root, entry.outputs, hit.to_restore)
                outputs = _outputs_now(entry, look)
        except (CannotRestore, CannotLook) as error:
            return Miss(error.reason)
        if reasons := output_reasons(entry, outputs):
            return Miss(next(iter(reasons.values())))
        self._touch(msgspec.structs.replace(entry, inputs=hit.inputs, outputs=outputs), entry)
        return None

    def _touch(self, fresh: Entry, entry: Entry) -> None:
        """Remember the use, and the times of files that were found to be the same by their content."""
        path = self.shelf.entry(entry.key)
        with suppress(OSError):
            if fresh == entry:
                os.utime(path)
            else:
                self.shelf.write(path, fresh)


def _outputs_now(entry: Entry, look: Look) -> dict[str, State]:
    found = {path: look.at(path, state) for path, state in entry.outputs.items()}
    return {path: state for path, state in found.items() if state is not None}


def _wrong_output(cache: Cache, outputs: States) -> NotKeptReason | None:
    for path in plain_paths(cache.outputs or ()):
        if path not in outputs:
            return OutputNotMade(path)
    for path, state in outputs.items():
        if state.kind is Kind.OTHER:
            return Unreadable(path, "it is neither a file nor a directory nor a link")
    return None


def _task_name(task: str) -> str:
    return digest_of_bytes(task.encode(errors="surrogateescape"))[:40]
