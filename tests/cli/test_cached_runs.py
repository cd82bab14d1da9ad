"""Real runs of `weft` with tasks that are cached: what runs again, what does not, and what is said of it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cache.project import tick
from tests.cli.process import Told, start, weft

PlanIn = Callable[..., Path]

# `ran` tells in which order the tasks have run, and how often.
PLAN = """
max_concurrent: 2
tasks:
  upper:
    run: "echo upper >> ran; tr a-z A-Z < src/a > out/upper; echo made"
    reads: [src/a]
    writes: [out/upper]
    cache: true
  count:
    run: "echo count >> ran; wc -c < out/upper"
    reads: [out/upper]
    writes: []
    result: json
    cache: true
"""


@pytest.fixture
def root(plan: PlanIn) -> Path:
    root = plan(PLAN)
    (root / "src").mkdir()
    (root / "out").mkdir()
    (root / "src/a").write_text("hello\n")
    return root


def run(root: Path, *args: str, env: dict[str, str] | None = None, code: int = 0) -> str:
    """Run the plan and return what stands on standard error."""
    ended = weft("run", *args, cwd=root, env=env)
    assert ended.code == code, ended.err
    return ended.err


def ran(root: Path) -> list[str]:
    """Return which tasks have run since this was asked last."""
    log = root / "ran"
    found = log.read_text().split() if log.exists() else []
    log.unlink(missing_ok=True)
    return found


def once(root: Path) -> None:
    run(root)
    ran(root)


def why(root: Path, task: str) -> str:
    told = weft("cache", "why", task, "--json", cwd=root)
    assert told.code == 0, told.err
    page = json.loads(told.out)
    return str(page["because"]["type"]) if page["because"] else str(page["verdict"])


# What runs again


def test_what_has_not_changed_does_not_run_again(root: Path) -> None:
    assert "2 succeeded\n" in run(root)
    assert ran(root) == ["upper", "count"]
    assert "2 succeeded (2 cached)\n" in run(root)
    assert ran(root) == []


def test_a_deleted_output_runs_again(root: Path) -> None:
    once(root)
    (root / "out/upper").unlink()
    assert why(root, "upper") == "OutputGone"
    run(root)
    assert ran(root) == ["upper"]  # what it has made is what it was: nobody behind it runs


def test_an_input_replaced_by_an_older_file_runs_again(root: Path) -> None:
    once(root)
    older = root / "older"
    older.write_text("older\n")
    os.utime(older, (1_000_000_000, 1_000_000_000))
    os.replace(older, root / "src/a")
    assert why(root, "upper") == "InputChanged"
    run(root)
    assert ran(root) == ["upper", "count"] or ran(root) == []
    assert (root / "out/upper").read_text() == "OLDER\n"


def test_an_input_of_the_same_size_and_time_runs_again(root: Path) -> None:
    once(root)
    before = (root / "src/a").stat()
    tick(root)
    (root / "src/a").write_text("HELLO\n")
    os.utime(root / "src/a", ns=(before.st_atime_ns, before.st_mtime_ns))
    run(root)
    assert ran(root) == ["upper"]


def test_a_touched_input_does_not_run_again(root: Path) -> None:
    once(root)
    os.utime(root / "src/a")
    run(root)
    assert ran(root) == []


def test_an_input_changed_while_the_task_ran_is_not_cached(plan: PlanIn, told: Told) -> None:
    root = plan(
        "tasks: {a: {run: 'cat src > out; echo begun > told; cat go',"
        " reads: [src], writes: [out], cache: true}}"
    )
    (root / "src").write_text("one\n")
    os.mkfifo(root / "go")
    process = start("run", cwd=root)
    assert told.line() == "begun"
    (root / "src").write_text("two\n")
    (root / "go").write_text("go\n")
    _, err = process.communicate(timeout=30)
    assert "the result of `a` is not kept: its input `src` was written to while it ran" in err
    assert why(root, "a") == "NothingKept"


def test_a_malformed_entry_is_recomputed(root: Path) -> None:
    once(root)
    for entry in (root / ".weft/cache/entries").glob("*/*"):
        entry.write_bytes(entry.read_bytes()[:40])
    weft("cache", "verify", cwd=root)  # else it is found out as soon as somebody has to look
    run(root)
    assert sorted(ran(root)) == ["count", "upper"]


def test_a_malformed_entry_is_recomputed_without_being_looked_for(root: Path) -> None:
    once(root)
    for entry in (root / ".weft/cache/entries").glob("*/*"):
        entry.write_bytes(b"{")
    assert why(root, "upper") == "EntryUnreadable"
    run(root, "-v")
    assert sorted(ran(root)) == ["count", "upper"]


def test_a_task_that_failed_is_not_cached(plan: PlanIn) -> None:
    root = plan("tasks: {a: {run: 'echo a >> ran; exit 3', reads: [], writes: [], cache: true}}")
    for _ in range(2):
        run(root, code=1)
        assert ran(root) == ["a"]


def test_a_result_is_too_old_when_its_ttl_is_over(plan: PlanIn) -> None:
    root = plan("tasks: {a: {run: 'echo a >> ran', reads: [], writes: [], cache: {ttl: 100ms}}}")
    once(root)
    deadline = time.time() + 0.15
    while time.time() < deadline:
        tick(root)
    assert why(root, "a") == "Expired"
    run(root)
    assert ran(root) == ["a"]


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [
        ("run: 'echo a >> ran'", "run: 'echo a  >> ran'", "command"),
        ("cache: true", "cache: {version: 2}", "version"),
        ("cwd: .", "cwd: ./.", "directory"),
        ("env: {A: 1}", "env: {A: 2}", "variable `A`"),
    ],
)
def test_another_task_is_another_result(before: str, after: str, field: str, plan: PlanIn) -> None:
    text = "tasks: {a: {run: 'echo a >> ran', reads: [], writes: [], cwd: ., env: {A: 1}, cache: true}}"
    root = plan(text)
    once(root)
    plan(text.replace(before, after))
    assert f"its {field} has changed" in weft("cache", "why", "a", cwd=root).out
    run(root)
    assert ran(root) == ["a"]


def test_a_variable_that_is_named_counts_and_others_do_not(plan: PlanIn) -> None:
    root = plan("tasks: {a: {run: 'echo a >> ran', reads: [], writes: [], cache: {env: [MODE]}}}")
    run(root, env={"MODE": "fast"})
    assert ran(root) == ["a"]
    run(root, env={"MODE": "fast", "OTHER": "x"})
    assert ran(root) == []
    run(root, env={"MODE": "slow"})
    assert ran(root) == ["a"]


def test_a_file_that_comes_to_match_is_a_change(plan: PlanIn) -> None:
    root = plan(
        "tasks: {a: {run: 'cat src/*.txt > all; echo a >> ran',"
        " reads: ['src/*.txt'], writes: [all], cache: true}}"
    )
    (root / "src").mkdir()
    (root / "src/a.txt").write_text("a")
    once(root)
    (root / "src/b.md").write_text("b")
    run(root)
    assert ran(root) == []
    (root / "src/b.txt").write_text("b")
    run(root)
    assert ran(root) == ["a"]


def test_the_result_of_a_task_that_is_read_counts(plan: PlanIn) -> None:
    root = plan(
        """
tasks:
  first: {run: cat value, reads: [value], writes: [], result: text, cache: true}
  second:
    run: 'echo second >> ran; cat "$WEFT_RESULTS/000000.json"'
    needs: first
    cache: {inputs: [], outputs: []}
"""
    )
    (root / "value").write_text("1")
    run(root)
    ran(root)
    run(root)
    assert ran(root) == []
    (root / "value").write_text("2")
    assert weft("cache", "why", "second", cwd=root).out.startswith("second: UNKNOWN")
    run(root)
    assert ran(root) == ["second"]
    (root / "value").write_text("1")
    run(root)
    assert ran(root) == []  # both of its results are kept


# What is replayed


def test_a_hit_replays_its_log_and_its_result(root: Path) -> None:
    run(root)
    ended = weft("run", "-v", cwd=root)
    assert "made\n" in ended.out
    assert "upper is cached" in ended.err
    latest = root / ".weft/runs/latest"
    assert (latest / "upper/stdout.log").read_text() == "made\n"
    assert json.loads((latest / "count/result.json").read_text()) == 6
    assert '"value": 6' in weft("run", "--json", cwd=root).out


def test_a_hit_is_told_in_the_stream_of_events_and_in_the_story(root: Path) -> None:
    run(root)
    events = [json.loads(line) for line in weft("run", "--json", cwd=root).out.splitlines()]
    assert [event["task"] for event in events if event["event"] == "cache_hit"] == ["upper", "count"]
    assert "its result of earlier still holds" in weft("why", "latest", "upper", cwd=root).out
    (root / "src/a").write_text("bye\n")
    events = [json.loads(line) for line in weft("run", "--json", cwd=root).out.splitlines()]
    missed = next(event for event in events if event["event"] == "cache_missed")
    assert missed["because"] == {"type": "InputChanged", "path": "src/a", "what": "content"}


def test_outputs_are_put_back_where_that_is_wanted(plan: PlanIn) -> None:
    root = plan(
        "tasks: {a: {run: 'cp src out; echo a >> ran', reads: [src], writes: [out], cache: {restore: true}}}"
    )
    (root / "src").write_text("one")
    once(root)
    (root / "out").write_text("two")
    run(root)
    assert (ran(root), (root / "out").read_text()) == ([], "one")
    (root / "out").unlink()
    run(root)
    assert (ran(root), (root / "out").read_text()) == ([], "one")


# Beside others


def test_what_another_task_overwrites_later_is_made_again_in_its_place(plan: PlanIn) -> None:
    root = plan(
        """
tasks:
  a: {run: "cp src x", reads: [src], writes: [x], cache: true}
  b: {run: "cat src src > x", reads: [src], writes: [x], workspace: copy, merge: last, cache: true}
"""
    )
    (root / "src").write_text("1\n")
    for _ in range(3):
        run(root)
        assert (root / "x").read_text() == "1\n1\n"
    assert "2 succeeded (1 cached)" in run(root)  # that of `a` is overwritten each time, that of `b` put back


def test_what_was_made_in_a_workspace_is_kept_when_it_is_brought_back(plan: PlanIn) -> None:
    root = plan(
        "tasks: {a: {run: 'cp src out; echo ran', reads: [src], writes: [out], workspace: copy, cache: true}}"
    )
    (root / "src").write_text("one")
    run(root)
    (root / "out").unlink()
    assert "1 succeeded (1 cached)" in run(root)
    assert (root / "out").read_text() == "one"


def test_a_cached_task_with_a_failing_merge_is_not_kept(plan: PlanIn, told: Told, tmp_path: Path) -> None:
    root = plan(
        f"tasks: {{a: {{run: 'echo mine > out; echo begun > {tmp_path}/told; cat {tmp_path}/go',"
        " reads: [], writes: [out], workspace: copy, cache: true}}"
    )
    os.mkfifo(root / "go")
    process = start("run", cwd=root)
    assert told.line() == "begun"
    (root / "out").write_text("theirs\n")
    (root / "go").write_text("go\n")
    process.communicate(timeout=30)
    assert process.returncode == 1
    assert why(root, "a") == "NothingKept"


# Options


def test_a_forced_task_runs_and_is_kept_anew(root: Path) -> None:
    once(root)
    run(root, "--force", "upper")
    assert ran(root) == ["upper"]
    run(root)
    assert ran(root) == []


def test_without_the_cache_all_run_and_nothing_is_kept(root: Path) -> None:
    for _ in range(2):
        run(root, "--no-cache")
        assert ran(root) == ["upper", "count"]
    assert not (root / ".weft/cache").exists()


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--force", "uper"), "did you mean `upper`?"),
        (("--force", "upper", "--no-cache"), "--force has no effect beside --no-cache"),
        (("--force", "upper", "-n"), "--force has no effect beside --dry-run"),
    ],
)
def test_options_without_an_effect_are_refused(args: tuple[str, ...], says: str, root: Path) -> None:
    assert says in run(root, *args, code=2)


@pytest.mark.parametrize(
    ("task", "says"),
    [
        ("{run: x, cache: true}", "task `a` is cached, and does not declare what it reads"),
        ("{run: x, reads: ['db:t'], cache: true}", "name `db:t`, which is no file"),
        ("{run: x, reads: [], cache: {outputs: ['a[']}}", "`a[` under `outputs` of the cache"),
        (
            "{run: x, reads: [], workspace: copy, merge: {at: run}, cache: true}",
            "brought back after it has ended",
        ),
        ("{run: x, reads: [], cache: maybe}", "expected true or false"),
        ("{run: x, reads: [], cache: {tll: 1h}}", "did you mean `ttl`?"),
    ],
)
def test_what_can_not_be_cached_is_told_before_anything_runs(task: str, says: str, plan: PlanIn) -> None:
    root = plan(f"tasks: {{a: {task}}}")
    assert says in run(root, code=2)


def test_the_cache_is_kept_as_small_as_the_plan_says(plan: PlanIn) -> None:
    root = plan(
        """
cache: {size: 6kB}
tasks:
  a: {run: "head -c 4000 src > out", reads: [src], writes: [out], cache: {restore: true}}
"""
    )
    for number in range(5):
        (root / "src").write_text(f"{number}" * 4000)
        run(root)
    listed = json.loads(weft("cache", "ls", "--json", cwd=root).out)
    assert len(listed) == 1
    assert why(root, "a") == "hit"


def test_the_cache_is_listed_pruned_and_verified(root: Path) -> None:
    once(root)
    assert {line.partition(":")[0] for line in weft("cache", "ls", cwd=root).out.splitlines()} == {
        "upper",
        "count",
    }
    assert weft("cache", "verify", cwd=root).code == 0
    blob = next((root / ".weft/cache/blobs").glob("*/*"))
    blob.chmod(0o600)
    blob.write_bytes(b"other")
    verified = weft("cache", "verify", cwd=root)
    assert verified.code == 1
    assert f"corrupt and removed: the copy {blob.name}" in verified.out
    assert "0 B left" in weft("cache", "prune", "--size", "0", cwd=root).out
    assert weft("cache", "ls", cwd=root).out == "nothing is kept\n"
