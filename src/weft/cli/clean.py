"""`weft clean`: removes the workspaces whose work was brought back, and nothing that somebody may miss."""

from __future__ import annotations

from pathlib import Path

import click

from weft.cli import options
from weft.cli.codes import ExitCode
from weft.cli.leftovers import HOME, Leftover, leftovers_of, runs_of
from weft.cli.standard import write
from weft.live.wording import count
from weft.model.refusal import ChangedSince, InUse, NotMerged, Refusal
from weft.model.sentences.refusals import refusal_sentence
from weft.views.visible import visible
from weft.workspaces.clean import Cleaner
from weft.workspaces.record import Room, State


@click.command()
@click.argument("run", required=False)
@options.option(
    "--all", "everything", is_flag=True, help="Move what is not merged into `.weft/quarantine`, too."
)
@options.option(
    "--keep",
    metavar="N",
    type=click.IntRange(min=0),
    help="Take away whole runs, with their logs and what is recorded of them, all but the newest N.",
)
@options.option("-n", "--dry-run", is_flag=True, help="Tell what would be done.")
@options.directory
def command(run: str | None, everything: bool, keep: int | None, dry_run: bool) -> ExitCode:
    """Remove the merged workspaces of RUN, by default of all runs of the plan in this directory.

    RUN may be `latest`. Logs and results stay, except with --keep; a run stays that goes on, or of which
    something was not brought back. What is not merged stays as well, or is put into quarantine
    with --all. Nothing outside of `.weft` is touched, and nothing that is in use.

    The exit code is 1 if something stays that was to go; each is told with its reason.
    """
    if run is not None and keep is not None:
        raise click.UsageError("--keep is about all runs, and RUN about one: take one of the two")
    clean = _Clean(everything=everything, dry_run=dry_run)
    for one in runs_of(run):
        is_at_work = one.is_held()
        for each in leftovers_of(one):
            clean.take(each, is_at_work=is_at_work)
    write("".join(f"{line}\n" for line in clean.lines()))
    if keep is not None:
        _prune(keep, dry_run=dry_run)
    return ExitCode.FAILED if clean.n_refused else ExitCode.SUCCEEDED


def _prune(keep: int, *, dry_run: bool) -> None:
    # SQLite takes a few milliseconds to load.
    from weft.runtime.prune_runs import prune_runs  # noqa: PLC0415

    pruned = prune_runs(Path(), keep, dry_run=dry_run)
    for run, why in pruned.kept.items():
        write(f"{visible(run)}: kept, since {why}\n")
    write(f"{count(len(pruned.removed), 'run')} {'would be ' if dry_run else ''}taken away\n")


class _Clean:
    """What has become of the workspaces so far."""

    def __init__(self, *, everything: bool, dry_run: bool) -> None:
        self._everything = everything
        self._dry_run = dry_run
        self._cleaner = Cleaner(HOME)
        self._told: list[str] = []
        self._n_removed = 0
        self._n_kept = 0
        self.n_refused = 0  # of those that were to go

    def take(self, each: Leftover, *, is_at_work: bool) -> None:
        """Remove a workspace, move it into quarantine, or leave it where it is."""
        name = f"{visible(each.run.name)} {visible(each.task)}"
        refusal = InUse(str(each.run.folder)) if is_at_work else self._remove(each.room)
        if refusal is None:
            self._n_removed += 1
        elif self._everything and isinstance(refusal, NotMerged | ChangedSince):
            self._set_aside(name, each.room)
        else:
            self._keep(name, refusal, was_to_go=self._everything or each.state is State.MERGED)

    def lines(self) -> list[str]:
        """Return what is told."""
        removed = f"{count(self._n_removed, 'workspace')} {'would be ' if self._dry_run else ''}removed"
        kept = f", {self._n_kept} kept" if self._n_kept else ""
        return [*self._told, removed + kept]

    def _remove(self, room: Room) -> Refusal | None:
        return self._cleaner.refusal(room) if self._dry_run else self._cleaner.remove(room)

    def _set_aside(self, name: str, room: Room) -> None:
        if self._dry_run:
            self._told.append(f"{name}: would be moved into `{HOME / 'quarantine'}`")
            return
        moved = self._cleaner.quarantine(room)
        if isinstance(moved, Room):
            folder = moved.folder.relative_to(HOME.absolute())
            self._told.append(f"{name}: moved into `{HOME / folder}`")
        else:
            self._keep(name, moved, was_to_go=True)

    def _keep(self, name: str, refusal: Refusal, *, was_to_go: bool) -> None:
        self._n_kept += 1
        self.n_refused += was_to_go
        self._told.append(f"{name}: kept, since {refusal_sentence(refusal)}")
