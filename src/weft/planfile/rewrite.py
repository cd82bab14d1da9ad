"""Writes a patch into a plan file: all of it or nothing, and only if the plan can run with it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from weft.errors import UsageError
from weft.planfile.load import format_of, loads
from weft.planfile.patch import patched
from weft.views.patch import Form

_BOM = "\ufeff"


def rewrite(path: str | Path, patch: Mapping[str, object]) -> None:
    """Write ``patch`` into the plan file at ``path``, which has just been read.

    Args:
        path: the file. Where it is a link, the file it leads to is written.
        patch: as in `patched`.

    Raises:
        UsageError: the patch can't be put in, or the file can't be written; nothing has changed.
        PlanError: with the patch the plan could not run; nothing has changed.
    """
    target = Path(os.path.realpath(path))
    with open(target, encoding="utf-8", newline="") as stream:
        text = stream.read()
    written = format_of(path, text)
    if written == "toml":
        raise UsageError("a TOML plan is not written by Weft\n  hint: put the lines in yourself")
    mark = _BOM if text.startswith(_BOM) else ""
    new = patched(text.removeprefix(_BOM), patch, Form(written))
    loads(new, name=str(path), format=written, root=Path(path).parent)
    try:
        _replace(target, mark + new)
    except OSError as error:
        raise UsageError(f"can't write `{path}`: {error.strerror}") from error


def _replace(target: Path, text: str) -> None:
    """Put a new file in the place of the old one, with its permissions: readers see one of the two."""
    fd, beside = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with open(fd, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(fd)
        shutil.copymode(target, beside)
        os.replace(beside, target)
    except BaseException:
        os.unlink(beside)
        raise
