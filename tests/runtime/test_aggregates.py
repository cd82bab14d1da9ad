"""Aggregates that need more than results: commands that reduce, and texts that are merged into files."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

import weft
from weft.planfile import loads
from weft.runtime.links import prepare_on_disk
from weft.runtime.run import run_plan
from weft.scheduling.states import RunState
from weft.views.aggregate import MergedFiles, Reduction
from weft.views.aggregate.of_plan import NotMade
from weft.views.report import Report

TOTAL = f"{sys.executable} -c 'import json, sys; print(sum(json.load(sys.stdin)))'"

VOTES = "votes: {each: {n: [3, 1, 2]}, run: 'echo {n}; test {n} != 1', result: json}"


def run(folder: Path, tasks: str, **aggregates: Any) -> Report:
    text = f"tasks: {{{tasks}}}\naggregates: {json.dumps(aggregates)}\n"
    return weft.run(loads(text, root=folder))


def made(report: Report, name: str = "x") -> Any:
    return report.aggregates[name]


# reduce


def test_a_command_gets_all_values_in_plan_order_and_writes_one(tmp_path: Path) -> None:
    report = run(tmp_path, VOTES, x={"from": "votes", "strategy": "reduce", "run": "cat"}, y=reduce_by(TOTAL))
    assert made(report) == Reduction(value=[3, 2], n_results=2, n_absent=1)
    assert made(report, "y").value == 5


def reduce_by(command: str | list[str], **more: Any) -> dict[str, Any]:
    return {"from": "votes", "strategy": "reduce", "run": command, **more}


def test_a_command_may_be_a_list_and_look_into_a_field(tmp_path: Path) -> None:
    tasks = "votes: {each: {n: [3, 1]}, run: 'echo \"{\\\"n\\\": $N}\"', env: {N: '{n}'}, result: json}"
    report = run(tmp_path, tasks, x=reduce_by(["cat"], field="n"))
    assert made(report).value == [3, 1]


def test_a_command_runs_in_the_directory_of_the_plan_with_its_environment(tmp_path: Path) -> None:
    text = (
        f"env: {{GREETING: hello}}\ntasks: {{{VOTES}}}\n"
        'aggregates: {x: {from: votes, strategy: reduce, run: \'echo "[\\"$GREETING\\", \\"$PWD\\"]"\'}}'
    )
    report = weft.run(loads(text, root=tmp_path))
    assert made(report).value == ["hello", os.path.realpath(tmp_path)]


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (
            "echo 'no such thing' >&2; exit 3",
            "its command failed: exit code 3: no such thing (log: .weft/runs/",
        ),
        ("echo nothing", "its command failed: the output is not a JSON document"),
        ("true", "its command failed: the output is empty"),
        ("kill -9 $$", "its command failed: killed by SIGKILL"),
    ],
)
def test_a_command_that_does_not_do_its_work_is_told(tmp_path: Path, command: str, why: str) -> None:
    report = run(tmp_path, VOTES, x=reduce_by(command), y=reduce_by("cat"))
    assert isinstance(made(report), NotMade)
    assert made(report).why.startswith(why)
    assert made(report, "y").value == [3, 2]
    log = made(report).why.partition("(log: ")[2].removesuffix(")")
    assert not log or (tmp_path / log).read_text() == "no such thing\n"


def test_too_few_results_are_not_given_to_a_command(tmp_path: Path) -> None:
    report = run(tmp_path, VOTES, x=reduce_by("touch begun", min_required=3))
    assert made(report) == NotMade("2 of 3 tasks have a result, and 3 must")
    assert not (tmp_path / "begun").exists()


def test_a_group_must_be_met(tmp_path: Path) -> None:
    text = (
        "groups: {survey: {min_required: 2, critical: false}}\n"
        "tasks: {a: {run: echo 1, result: json, group: survey}, b: {run: exit 1, group: survey}}\n"
        "aggregates: {x: {from: survey, strategy: union}}\n"
    )
    assert made(weft.run(loads(text, root=tmp_path))) == NotMade(
        "the group `survey` has not got what it requires"
    )
    enough = weft.run(loads(text.replace("min_required: 2", "min_required: 1"), root=tmp_path))
    assert [row.element for row in made(enough).rows] == [1]


def test_an_interruption_ends_the_command_and_all_that_it_has_started(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "begun")
    script = "echo $$ > begun; sleep 1000 & wait"
    plan = loads(
        f"tasks: {{{VOTES}}}\naggregates: {{x: {{from: votes, strategy: reduce, run: '{script}'}}}}",
        root=tmp_path,
    )

    async def interrupted() -> tuple[Report, int]:
        running = asyncio.create_task(run_plan(prepare_on_disk(plan), own_signals=True))
        pid = int(await asyncio.to_thread((tmp_path / "begun").read_text))
        os.kill(os.getpid(), signal.SIGTERM)
        return await running, pid

    report, pid = asyncio.run(interrupted())
    assert made(report).why == "its command was cancelled: the user took it back"
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_whoever_is_cancelled_leaves_no_command_behind(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "begun")
    script = "echo $$ > begun; sleep 1000"
    plan = loads(
        f"tasks: {{{VOTES}}}\naggregates: {{x: {{from: votes, strategy: reduce, run: '{script}'}}}}",
        root=tmp_path,
    )

    async def cancelled() -> int:
        running = asyncio.create_task(run_plan(prepare_on_disk(plan)))
        pid = int(await asyncio.to_thread((tmp_path / "begun").read_text))
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        return pid

    pid = asyncio.run(cancelled())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


# merge-files

PAGES = (
    'page: {each: {doc: [b, a/c, d]}, run: \'mkdir -p out/a; printf "text of %s" {doc} > out/{doc}.md; '
    "echo said; test {doc} != d'}"
)


def merge(**keys: Any) -> dict[str, Any]:
    return {"from": "page", "strategy": "merge-files", "to": "all.md", **keys}


def test_files_are_merged_in_plan_order_with_a_header_for_each_task(tmp_path: Path) -> None:
    report = run(tmp_path, PAGES, x=merge(files="out/{value}.md"))
    expected = "## page[b]\ntext of b\n## page[a/c]\ntext of a/c\n"
    assert (tmp_path / "all.md").read_text() == expected
    assert made(report).to_markdown() == (
        f"2 texts in all.md, {len(expected)} bytes. 1 more task had no result.\n"
        "\n"
        "| task | text |\n"
        "|---|---|\n"
        "| `page[b]` | out/b.md |\n"
        "| `page[a/c]` | out/a/c.md |\n"
    )


def test_without_files_the_text_is_what_was_written_to_standard_output(tmp_path: Path) -> None:
    tasks = "page: {each: {n: [2, 1, 3]}, run: 'test {n} = 3 || echo {n}'}"
    report = run(tmp_path, tasks, x=merge(header="# {task}"))
    assert (tmp_path / "all.md").read_text() == "# page[2]\n2\n# page[1]\n1\n"
    assert (made(report).n_results, made(report).n_abstained) == (3, 1)


def test_globs_may_match_several_files_of_a_task_each_of_which_is_merged_once(tmp_path: Path) -> None:
    tasks = "page: {each: {n: [1, 2]}, run: 'touch common; echo {n} > {n}.b; echo {n} > {n}.a'}"
    files = ["{value}.*", "common", "*"]
    report = run(tmp_path, tasks, x=merge(files=files, to="1.all", header="{task} {file}"))
    told = [(row.supporter, row.file) for row in made(report).rows]
    assert told == [
        *(("page[1]", name) for name in ("1.a", "1.b", "common", "2.a", "2.b")),
    ]
    again = run(tmp_path, tasks, x=merge(files=files, to="1.all", header="{task} {file}"))
    assert made(again) == made(report)  # what was written is not merged into itself


def test_what_stands_in_a_name_is_no_glob(tmp_path: Path) -> None:
    for name in ("[x]", "x", "*"):
        (tmp_path / name).write_text(name)
    tasks = "page: {each: {name: ['[x]', '*']}, run: 'true'}"
    run(tmp_path, tasks, x=merge(files="{value}", header=""))
    assert (tmp_path / "all.md").read_text() == "[x]\n*\n"


def test_bytes_are_taken_as_they_are_and_directories_are_made(tmp_path: Path) -> None:
    tasks = r"page: {run: 'printf \\377\\n > a.bin', writes: a.bin}"
    report = run(tmp_path, tasks, x=merge(files="a.bin", to="sub/dir/all.bin", header=""))
    assert (tmp_path / "sub/dir/all.bin").read_bytes() == b"\xff\n"
    assert isinstance(made(report), MergedFiles)
    assert made(report).size_bytes == 2


def test_a_file_that_can_not_be_written_is_told_and_nothing_is_left_behind(tmp_path: Path) -> None:
    (tmp_path / "all.md").mkdir()
    report = run(tmp_path, "page: echo hi", x=merge())
    assert made(report).why.startswith("can't merge texts: Is a directory (`")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".weft", "all.md"]


def test_an_old_file_stays_if_there_are_too_few_texts(tmp_path: Path) -> None:
    (tmp_path / "all.md").write_text("old")
    report = run(tmp_path, PAGES, x=merge(min_required="100%"))
    assert isinstance(made(report), NotMade)
    assert (tmp_path / "all.md").read_text() == "old"


# votes


def test_of_nine_voters_the_last_four_never_start_and_the_report_tells(tmp_path: Path) -> None:
    text = (
        "max_concurrent: 1\n"
        "tasks: {vote: {each: {n: [1, 2, 3, 4, 5, 6, 7, 8, 9]}, run: 'touch {n}; echo blue', result: text}}\n"
        "aggregates: {best: {from: vote, strategy: majority, stop_when_decided: true}}\n"
    )
    report = weft.run(loads(text, root=tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == [".weft", "1", "2", "3", "4", "5"]
    assert report.state is RunState.SUCCEEDED
    assert list(report.not_succeeded) == [f"vote[{number}]" for number in (6, 7, 8, 9)]
    best = made(report, "best")
    assert (best.winner, best.n_votes, best.n_left_out) == ("blue", 5, 4)
    assert best.to_markdown().startswith(
        "blue has the majority: 5 of 5 votes. 4 more tasks were left out, as a vote was decided.\n"
    )
