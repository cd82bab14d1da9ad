"""The reference of the command line, `docs/cli.md`, made from the commands themselves.

After a change of an option or an exit code, write it anew: `python -m weft.cli.reference > docs/cli.md`.
"""

from __future__ import annotations

from collections.abc import Iterator

import click

from weft.cli.codes import MEANINGS
from weft.cli.faults import VARIABLE
from weft.cli.main import weft
from weft.cli.standard import write

HEAD = """\
# The command line

<!-- Made by `python -m weft.cli.reference > docs/cli.md`; a test compares it with the code. -->

Results go to standard output, progress and failures to standard error. On a terminal the run is drawn as
it goes; elsewhere, and where `CI` or `NO_COLOR` is set, there is one line per event. `weft COMMAND --help`,
or `weft help COMMAND`, tells the same as this page. How plans are written stands in
[plan-file.md](plan-file.md), what `--json` writes in [events.md](events.md).

Each option can also be set by the variable that stands beside it: `WEFT_JOBS=4 weft run` is
`weft run --jobs 4`, and a flag is set by `1`. What stands on the command line wins, also over a variable
that would exclude it. Two options on the command line that exclude each other are a mistake: an option
that is accepted has an effect. What asks for something else, such as `--help`, has no variable.

With `eval "$(_WEFT_COMPLETE=bash_source weft)"` in `~/.bashrc` the shell completes commands and options; for
other shells it is `zsh_source` or `fish_source`.
"""

NOT_OF_OPTIONS = f"""\
## Variables

Besides those of the options:

| variable | meaning |
|---|---|
| `CI`, `NO_COLOR` | One line per event instead of a live display. `TERM=dumb` does the same. |
| `{VARIABLE}` | `1`: show the traceback of a fault of Weft itself. |
| `WEFT_STATE_HOME` | Where limits and locks are that processes share; else `~/.local/state/weft`. |

A task finds these in its environment:

| variable | meaning |
|---|---|
| `WEFT_RUN_ID` | The run; its logs are in `.weft/runs/RUN`. |
| `WEFT_TASK_ID` | The task. |
| `WEFT_ATTEMPT` | The number of the attempt, from 1. |
| `WEFT_WORKSPACE` | The directory that it works in: its own workspace, or the one that the plan is in. |
| `WEFT_PORT_NAME` | The port that is its own while it runs, if its workspace has the port `name`. |
| `WEFT_RESULTS` | A folder with the results of the tasks that it needs, if these have any. |
| `WEFT_TOKEN_NAME` | The fencing token of the lock `name`, if the task holds that for the whole machine. |

In the folder `WEFT_RESULTS` there is a JSON document for each result, and `index.json`: a list in plan order
that tells the `task` and the `file` of each.
"""


def reference() -> str:
    """Return the whole page."""
    context = click.Context(weft, info_name="weft", **weft.context_settings)
    lines = [HEAD, *_exit_codes(), NOT_OF_OPTIONS]
    for name in weft.list_commands(context):
        command = weft.get_command(context, name)
        assert command is not None, name
        lines += _command(name, command, context)
    return "\n".join(lines)


def _exit_codes() -> Iterator[str]:
    yield "## Exit codes\n"
    yield "| code | meaning |\n|---:|---|"
    yield from (f"| {code.value} | {meaning} |" for code, meaning in MEANINGS.items())
    yield ""


def _command(name: str, command: click.Command, parent: click.Context) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent)
    path = context.command_path
    yield f"{'#' * (path.count(' ') + 1)} {path}\n"
    yield f"    {' '.join([path, *command.collect_usage_pieces(context)])}\n"
    for paragraph in (command.help or "").split("\n\n"):
        yield " ".join(paragraph.split()) + "\n"
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            yield from _command(inner, command.commands[inner], context)
        return
    yield "| option | variable | meaning |\n|---|---|---|"
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            yield _option(parameter)
    yield ""


def _option(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in option.opts)
    choices = "|".join(option.type.choices) if isinstance(option.type, click.Choice) else None
    value = option.metavar or choices
    shown = f"{names} `{value}`" if value else names
    cell = shown.replace("|", "\\|")
    variable = f"`{option.envvar}`" if option.envvar else ""
    return f"| {cell} | {variable} | {option.help} |"


if __name__ == "__main__":
    write(reference())
