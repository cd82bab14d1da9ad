from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
from tests.executors.told import in_a_loop
from tests.runtime.test_recording import plan_in

from weft.journal.writer import Header, JournalWriter
from weft.runtime.engine import Engine
from weft.runtime.history import history, is_owner_alive
from weft.runtime.layout import RunFolder, journal_of
from weft.runtime.links import prepare_on_disk
from weft.runtime.prune_runs import prune_runs
from weft.runtime.run import run_plan
from weft.sharing.owner import this_process


def run(folder: Path) -> str:
    prepared = prepare_on_disk(plan_in(folder, ("a", "echo a")))
    asyncio.run(run_plan(prepared, journal=True))
    return runs(folder)[0]


def runs(folder: Path) -> list[str]:
    with history(folder) as journal:
        return [] if journal is None else [record.id for record in journal.runs()]


def folders(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / ".weft" / "runs").iterdir() if not path.is_symlink())


def rows(folder: Path, table: str) -> int:
    with closing(sqlite3.connect(journal_of(folder))) as connection:
        (n,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(n)


def test_the_newest_runs_stay_and_all_of_the_others_goes(tmp_path: Path) -> None:
    made = [run(tmp_path) for _ in range(4)]
    n_facts = rows(tmp_path, "facts")
    pruned = prune_runs(tmp_path, 1)
    assert pruned.removed == tuple(made[:3])
    assert (runs(tmp_path), folders(tmp_path)) == (made[3:], made[3:])
    assert rows(tmp_path, "facts") < n_facts / 2
    assert (rows(tmp_path, "plans"), rows(tmp_path, "durations")) == (1, 1)
    assert prune_runs(tmp_path, 0).removed == (made[3],)
    assert (rows(tmp_path, "facts"), rows(tmp_path, "plans")) == (0, 0)


def test_a_dry_run_takes_nothing_away(tmp_path: Path) -> None:
    made = [run(tmp_path) for _ in range(2)]
    assert prune_runs(tmp_path, 1, dry_run=True).removed == (made[0],)
    assert folders(tmp_path) == sorted(made)


def test_where_no_run_was_recorded_there_is_nothing_to_take_away(tmp_path: Path) -> None:
    assert prune_runs(tmp_path, 0).removed == ()
    assert list(tmp_path.iterdir()) == []


@in_a_loop
async def test_a_run_that_goes_on_stays(tmp_path: Path) -> None:
    async with Engine(root=tmp_path, journal=True) as engine:
        assert prune_runs(tmp_path, 0).kept == {engine.run_id: "it is running"}
    assert prune_runs(tmp_path, 0).removed == (engine.run_id,)


def test_a_run_with_work_that_was_not_brought_back_stays(tmp_path: Path) -> None:
    made = run(tmp_path)
    workspace = RunFolder.of(tmp_path, made).task("a") / "workspace"
    workspace.mkdir()
    (workspace / "precious").write_text("work")
    pruned = prune_runs(tmp_path, 0)
    assert pruned.removed == ()
    assert "was not brought back" in pruned.kept[made]
    assert (workspace / "precious").read_text() == "work"
    assert runs(tmp_path) == [made]


def test_a_folder_that_leads_elsewhere_is_never_followed(tmp_path: Path) -> None:
    made = run(tmp_path)
    folder, elsewhere = RunFolder.of(tmp_path, made).path, tmp_path / "elsewhere"
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)
    assert "symbolic link" in prune_runs(tmp_path, 0).kept[made]
    assert (elsewhere / "a" / "stdout.log").exists()


def test_a_run_of_an_earlier_boot_of_this_host_is_over(tmp_path: Path) -> None:
    (tmp_path / ".weft").mkdir()
    owner = msgspec.structs.replace(this_process(), boot="another")
    text = msgspec.json.encode(owner).decode()
    writer = JournalWriter(journal_of(tmp_path), Header("r1", 0.0, text))
    assert is_owner_alive(text) is False
    assert prune_runs(tmp_path, 0).removed == ("r1",)
    writer._connection.close()


def test_an_owner_that_can_not_be_read_is_one_that_can_not_be_seen() -> None:
    assert is_owner_alive("nobody") is None
