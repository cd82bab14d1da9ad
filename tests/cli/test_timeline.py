from __future__ import annotations

import json
from pathlib import Path

from tests.cli.process import weft

from weft.journal.writer import Header, JournalWriter
from weft.runtime.layout import journal_of
from weft.testing import Sim, plan, task


def record(folder: Path, run_id: str, *tasks: str) -> None:
    """Put a run into the journal in which these tasks ran one after the other, a second each."""
    journal_of(folder).parent.mkdir(exist_ok=True)
    run = Sim(plan(*(task(one, duration_s=1.0) for one in tasks)), max_concurrent=1)
    run.play()
    writer = JournalWriter(journal_of(folder), Header(run_id, 1000.0), learns=False)
    writer.append(run.facts)
    writer.close()


def test_the_last_run_is_drawn(tmp_path: Path) -> None:
    record(tmp_path, "20260101-aaaa", "before")
    record(tmp_path, "20260102-bbbb", "one", "two")
    ended = weft("timeline", cwd=tmp_path, env={"COLUMNS": "60"})
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[:3] == [
        "2 tasks ran, 1 attempt at once at most",
        "                 0                                      2 s",
        "lane 1           |[one################][two===============]|",
    ]


def test_a_run_is_named_by_its_id_or_the_beginning_of_it(tmp_path: Path) -> None:
    record(tmp_path, "20260101-aaaa", "before")
    record(tmp_path, "20260102-bbbb", "after")
    for name in ("20260101-aaaa", "20260101"):
        ended = weft("timeline", name, "--format", "json", cwd=tmp_path)
        assert [ran["task"] for ran in json.loads(ended.out)["ran"]] == ["before"]


def test_a_trace_for_chrome_is_written_to_standard_output(tmp_path: Path) -> None:
    record(tmp_path, "r1", "one")
    events = json.loads(weft("timeline", "--format", "chrome", cwd=tmp_path).out)["traceEvents"]
    assert [event["name"] for event in events if event["ph"] == "X"] == ["one"]


def test_a_run_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    record(tmp_path, "r1", "one")
    ended = weft("timeline", "x", cwd=tmp_path)
    assert (ended.code, ended.out) == (2, "")
    assert "no run `x` was recorded here" in ended.err


def test_a_run_that_was_really_made_is_drawn(tmp_path: Path) -> None:
    (tmp_path / "weft.yaml").write_text("tasks: {a: 'true', b: {run: 'true', needs: [a]}}\n")
    assert weft("run", "-q", cwd=tmp_path).code == 0
    drawn = weft("timeline", cwd=tmp_path).out
    assert drawn.startswith("2 tasks ran, 1 attempt at once at most\n")
    assert "critical path\na " in drawn


def test_where_no_run_was_recorded_it_is_said(tmp_path: Path) -> None:
    ended = weft("timeline", cwd=tmp_path)
    assert (ended.code, ended.out) == (2, "")
    assert "no run was recorded here" in ended.err


def test_the_run_is_told_in_numbers_by_show(tmp_path: Path) -> None:
    record(tmp_path, "r1", "one", "two")
    page = weft("show", "--metrics", cwd=tmp_path).out
    assert page.startswith("2 tasks in 2 s: 2 succeeded\n")
    told = json.loads(weft("show", "r1", "--metrics", "--json", cwd=tmp_path).out)
    assert told["tasks"]["two"]["waits"] == {"pool max_concurrent": 1.0}
    assert told["efficiency"] == 1.0
