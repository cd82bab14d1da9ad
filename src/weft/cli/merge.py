"""`weft merge`: brings back what earlier runs have left in the workspaces of their tasks."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from weft.cli import options
from weft.cli.codes import ExitCode
from weft.cli.leftovers import HOME, Leftover, leftovers_of, named, order_of, runs_of
from weft.cli.standard import write
from weft.disk.held import let_go
from weft.errors import UsageError
from weft.live.wording import count, listed
from weft.model.reason import MergeConflict, NotMerged
from weft.model.sentences import sentence
from weft.model.workspace import Merge, MergePolicy
from weft.runtime.places import publisher_of
from weft.views.visible import visible
from weft.workspaces.left import Left
from weft.workspaces.merge import Change, Conflict
from weft.workspaces.merging import Brought, Merging
from weft.workspaces.record import State
from weft.workspaces.runs import Run

_WAYS_OUT = "`--policy keep-both` keeps all versions; `weft help merge` tells of the other policies"


@click.command()
@click.argument("run")
@click.argument("task", required=False)
@options.option(
    "--policy",
    type=click.Choice([policy.value for policy in MergePolicy if policy is not MergePolicy.COMMAND]),
    help="What becomes of files that others have changed as well. Without it, what the plan says.",
)
@options.option(
    "--command",
    "program",
    metavar="COMMAND",
    help="A command that merges two files into one, in the place of a policy.",
)
@options.option(
    "-n", "--dry-run", is_flag=True, help="Tell what would be done to each task's work by itself."
)
@options.directory
def command(run: str, task: str | None, policy: str | None, program: str | None, dry_run: bool) -> ExitCode:
    """Bring back what TASK has made in RUN, by default what all tasks have made that is not merged yet.

    RUN may be `latest`. Tasks come in the order of the plan. What a task has made that failed is brought back
    only if TASK names it. Nothing is lost where it can't be: both versions are kept, and named.

    The exit code is 1 if something was not brought back.
    """
    how = _how(policy, program)
    (one,) = runs_of(run)
    try:
        held = one.hold()
    except BlockingIOError:
        raise UsageError(
            f"run `{one.name}` is at work on its workspaces\n  hint: wait until it has ended"
        ) from None
    try:
        return _Merge(one, how, dry_run=dry_run).work(task)
    finally:
        let_go(held)


def _how(policy: str | None, program: str | None) -> Merge | None:
    if policy is not None and program is not None:
        if options.on_command_line("policy") == options.on_command_line("program"):
            raise click.UsageError("--policy and --command exclude each other: the command is the policy")
        program = None if options.on_command_line("policy") else program
    if program is not None:
        return Merge(MergePolicy.COMMAND, program)
    return Merge(MergePolicy(policy)) if policy is not None else None


class _Merge:
    """The workspaces of one run, on their way into the current directory."""

    def __init__(self, run: Run, how: Merge | None, *, dry_run: bool) -> None:
        self._run = run
        self._how = how
        self._dry_run = dry_run
        self._home = HOME.absolute()
        self._root = self._home.parent
        self._merges = order_of(run).merge
        self._is_contested = False

    def work(self, task: str | None) -> ExitCode:
        publisher = publisher_of(self._root)
        for recovered in [] if self._dry_run else publisher.recover():
            whose = f" of `{visible(recovered.note)}`" if recovered.note else ""
            sys.stderr.write(f"a merge{whose} was cut off earlier: it is {recovered.how} now\n")
        found = leftovers_of(self._run)
        wanted = [named(found, task)] if task is not None else [each for each in found if each.is_there]
        is_done = True
        n_told = 0
        for each in wanted:
            if each.state is State.MERGED or (task is None and each.record and each.record.is_given_up):
                continue
            merged, lines = self._one(each)
            is_done = is_done and merged
            n_told += 1
            write("".join(f"{line}\n" for line in lines))
        if not n_told:
            write("nothing is left to be brought back\n")
        if self._is_contested:
            sys.stderr.write(f"hint: {_WAYS_OUT}\n")
        return ExitCode.SUCCEEDED if is_done else ExitCode.FAILED

    def _one(self, each: Leftover) -> tuple[bool, list[str]]:
        """Bring one back; tell whether the plan's directory has it, and in which lines that is told."""
        name, where = visible(each.task), str(each.room.tree)
        if (why := _hopeless(each)) is not None:
            return False, [f"{name}: {sentence(NotMerged(why, where))}"]
        how = self._how or self._merges.get(each.task) or Merge()
        left = Left.at(each.room.folder.absolute(), self._home)
        merging = Merging(self._root, publisher_of(self._root), how)
        label = each.room.folder.name
        if self._dry_run:
            return self._foreseen(name, left, merging, label)
        try:
            brought = merging.bring(left, label)
        except OSError as error:
            return False, [f"{name}: {sentence(NotMerged(str(error), where))}"]
        self._is_contested |= bool(brought.conflicts)
        return brought.is_merged, list(_brought(name, where, brought))

    def _foreseen(self, name: str, left: Left, merging: Merging, label: str) -> tuple[bool, list[str]]:
        decision = merging.decide(left.close(), label)
        if decision.conflicts:
            self._is_contested = True
            return False, [f"{name}: would not be brought back", *_conflicts(decision.conflicts)]
        lines = [f"{name}: would be brought back", *map(_change, decision.changes)]
        lines += [f"  {visible(file.path)}: both versions would be merged" for file in decision.contested]
        return True, [*lines, *_left_out(decision.left_out)]


def _hopeless(each: Leftover) -> str | None:
    """Return why it can't even be tried."""
    if each.record is None:
        return "its record is missing or can't be read"
    if each.is_cut_off:
        return "the run was cut off before the task had ended"
    return "the task is at work" if each.state is State.RUNNING else None


def _brought(name: str, where: str, brought: Brought) -> Iterator[str]:
    if brought.conflicts:
        paths = tuple(visible(conflict.path) for conflict in brought.conflicts)
        yield f"{name}: {sentence(MergeConflict(paths, where))}"
        yield from (
            f"  {visible(each.path)}: {visible(each.note)}"
            for each in brought.conflicts
            if each.note is not None
        )
    elif brought.restless:
        why = f"files are being written to: {listed(brought.restless)}"
        yield f"{name}: {sentence(NotMerged(why, where))}"
    else:
        yield f"{name}: brought back, {count(len(brought.changes), 'change')}"
        for each in brought.overruled:
            yield f"  {visible(each.path)}: others have changed it, too, which the policy settles"
    yield from _left_out(brought.left_out)


def _conflicts(conflicts: tuple[Conflict, ...]) -> Iterator[str]:
    return (f"  {visible(each.path)}: others have changed it, too" for each in conflicts)


def _left_out(paths: tuple[str, ...]) -> Iterator[str]:
    return (f"  {visible(path)}: stays, since it is no file, directory or link" for path in paths)


def _change(change: Change) -> str:
    what = "create" if change.was is None else "remove" if change.to is None else "change"
    return f"  {what} {visible(change.path)}"
