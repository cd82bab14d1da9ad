"""`weft init`: write a plan to begin with."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from weft.cli import options, starter
from weft.cli.standard import write
from weft.errors import UsageError
from weft.planfile.load import FILE_NAMES

TEXTS = {".yaml": starter.YAML, ".yml": starter.YAML, ".toml": starter.TOML, ".json": starter.JSON}


@click.command()
@click.argument("file", default=FILE_NAMES[0], type=click.Path())
@options.directory
def command(file: str) -> None:
    """Write a plan to begin with to FILE, by default to `weft.yaml`.

    It runs as it is, and says in comments what it shows. The name's ending chooses the format: `.yaml`,
    `.yml`, `.toml` or `.json` (which has no comments). A file that is there already is left alone.
    """
    path = Path(file)
    text = TEXTS.get(path.suffix.lower())
    if text is None:
        raise UsageError(f"`{file}` has no format: expected a name that ends in {', '.join(TEXTS)}")
    _refuse_a_second_plan(path)
    _write_new(path, text)
    named = "" if path in map(Path, FILE_NAMES) else f" {shlex.quote(file)}"
    write(f"Wrote {file}. Next: weft run{named}\n")


def _refuse_a_second_plan(path: Path) -> None:
    """Of two plans in one directory `weft run` would not know which is meant."""
    others = [name for name in FILE_NAMES if name != path.name and (path.parent / name).exists()]
    if path.name in FILE_NAMES and others:
        raise UsageError(
            f"there is a plan already: `{path.parent / others[0]}`\n"
            "  hint: give the new one a name of its own, such as `weft init more.yaml`"
        )


def _write_new(path: Path, text: str) -> None:
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"`{path}` is there already, and was left as it is") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"can't write `{path}`: {why}") from error
