"""`weft explain`, from the command line.

``WEFT_WRITE_GOLDEN=1`` writes the pages anew; read the difference before you keep it.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.process import weft

PlanIn = Callable[..., Path]

GOLDEN = Path(__file__).parent / "golden"

DOCS = Path(__file__).parents[2] / "docs" / "concepts" / "verdicts.md"
YAML = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CONSOLE = re.compile(r"^```console\n\$ (.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

PLAN = """
max_concurrent: 4
limits: {gpu: 1}
tasks:
  fetch:   {run: ./fetch.sh, writes: data/raw.json, duration: 3s}
  clean:   {run: ./clean.sh, reads: data/raw.json, writes: data/clean.json, duration: 2s}
  train:   {run: ./train.sh, reads: data/, writes: out/model.bin, limits: {gpu: 1}, duration: 8s}
  score:   {run: ./score.sh, reads: data/clean.json, writes: out/score.json, limits: {gpu: 1}, duration: 4s}
  lint:    make lint
  survey:  {each: {doc: [a, b]}, run: "survey {doc}"}
"""

RETRIED = """
timeout: 1h
retry_budget: 20%
tasks:
  default: {run: ./fetch.sh, retry: {}}
  api:
    run: ./call.sh
    retry: {max_attempts: 6, jitter: decorrelated, ceiling: 30s, retry_on: [75, SIGPIPE, timeout], budget: 2m}
    timeout: {attempt: 10s, task: 5m}
  often:
    run: ./poll.sh
    retry: {max_attempts: 100, base: 500ms, factor: 1, give_up_on: 2, retry_after_ceiling: 1h}
  late: {run: ./late.sh, retry: {max_attempts: 9, budget: 10s}}
  once: {run: ./once.sh, timeout: 90s}
"""

APART = """
tasks:
  clean: {run: ./clean.sh, reads: notes/, writes: report.txt}
  train: {run: ./train.sh, reads: [], writes: [notes/, report.txt], workspace: copy}
"""

PAGES = {
    "summary": ("weft.yaml",),
    "pair": ("weft.yaml", "train", "clean"),
    "task": ("weft.yaml", "clean"),
    "what_if": ("--what-if", "-j", "16", "--what-if", "drop clean->train", "--what-if", "limit gpu 2"),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_plan_is_explained(name: str, plan: PlanIn) -> None:
    ended = weft("explain", *PAGES[name], cwd=plan(PLAN))
    assert (ended.code, ended.err) == (0, "")
    page = GOLDEN / f"explain_{name}.txt"
    if os.environ.get("WEFT_WRITE_GOLDEN"):
        page.write_text(ended.out, encoding="utf-8")
    assert ended.out == page.read_text(encoding="utf-8")


def test_what_a_workspace_has_lifted_is_told(plan: PlanIn) -> None:
    root = plan(APART)
    page = GOLDEN / "explain_lifted.txt"
    told = weft("explain", "train", "clean", cwd=root).out
    if os.environ.get("WEFT_WRITE_GOLDEN"):
        page.write_text(told, encoding="utf-8")
    assert told == page.read_text(encoding="utf-8")
    lifted = json.loads(weft("explain", "train", "clean", "--json", cwd=root).out)["lifted"]
    assert [each["type"] for each in lifted] == ["WriteAfterRead", "WriteAfterWrite"]


def test_a_dry_run_lists_the_attempts_at_a_task_and_their_delays(plan: PlanIn) -> None:
    root = plan(RETRIED)
    pages = [
        weft("explain", name, "--retry", cwd=root) for name in ("default", "api", "often", "late", "once")
    ]
    assert {(ended.code, ended.err) for ended in pages} == {(0, "")}
    told = "\n".join(ended.out for ended in pages)
    page = GOLDEN / "explain_retry.txt"
    if os.environ.get("WEFT_WRITE_GOLDEN"):
        page.write_text(told, encoding="utf-8")
    assert told == page.read_text(encoding="utf-8")


def test_the_delays_of_a_task_are_told_to_programs(plan: PlanIn) -> None:
    told = json.loads(weft("explain", "default", "--retry", "--json", cwd=plan(RETRIED)).out)
    assert [(delay["attempt"], delay["longest_s"]) for delay in told["delays"]] == [(2, 2.0), (3, 4.0)]
    assert told["run_budget"] == {"share": 0.2, "at_least": 10}


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ((), "--retry tells about one task: name it"),
        (("train", "clean"), "--retry tells about one task: name it"),
        (("-j", "2", "train"), "--jobs has no effect on what --retry tells"),
        (("survey",), "`survey` is a fan-out of 2 tasks"),
        (("trian",), "did you mean `train`?"),
    ],
)
def test_retries_are_told_of_one_task(args: tuple[str, ...], says: str, plan: PlanIn) -> None:
    ended = weft("explain", *args, "--retry", cwd=plan(PLAN))
    assert ended.code == 2
    assert says in ended.err


def test_the_page_about_verdicts_shows_what_is_told(plan: PlanIn) -> None:
    text = DOCS.read_text(encoding="utf-8")
    root = plan(YAML.findall(text)[0])
    examples = CONSOLE.findall(text)
    assert len(examples) >= 4
    for command, shown in examples:
        _, *args = shlex.split(command)
        ended = weft(*args, cwd=root)
        assert (ended.out, ended.err) == (shown, ""), command


def test_every_answer_is_there_as_json(plan: PlanIn) -> None:
    root = plan(PLAN)

    def told(*args: str) -> dict[str, object]:
        answer: dict[str, object] = json.loads(weft("explain", "--json", *args, cwd=root).out)
        return answer

    assert told()["critical_path"] == ["fetch", "clean", "train"]
    assert told("train", "score")["verdict"] == "sequential"
    assert told("score")["path_s"] == 4.0
    assert told("--what-if", "jobs 2")["predictions"] == [
        {"change": {"type": "Jobs", "max_concurrent": 2}, "makespan_s": 17.0}
    ]


def test_names_are_tasks_where_there_is_no_such_file(plan: PlanIn) -> None:
    root = plan(PLAN)
    verdict = "fetch and clean: SEQUENTIAL\n"
    for args in (["fetch", "clean"], ["weft.yaml", "fetch", "clean"], ["-f", "weft.yaml", "fetch", "clean"]):
        assert weft("explain", *args, cwd=root).out.startswith(verdict), args
    assert weft("explain", "-", "fetch", "clean", cwd=root, stdin=PLAN).out.startswith(verdict)


def test_a_task_with_the_name_of_a_file_is_meant_when_the_plan_is_named_by_f(plan: PlanIn) -> None:
    root = plan("tasks: {a.txt: x, b: x}")
    (root / "a.txt").write_text("no plan", encoding="utf-8")
    assert weft("explain", "a.txt", "b", cwd=root).code == 2
    assert weft("explain", "-f", "weft.yaml", "a.txt", "b", cwd=root).out.startswith(
        "a.txt and b: UNPROVEN\n"
    )


def test_a_directory_does_not_hide_the_task_of_its_name(plan: PlanIn) -> None:
    root = plan("tasks: {docs: x, b: x}")
    (root / "docs").mkdir()
    assert weft("explain", "docs", "b", cwd=root).out.startswith("docs and b: UNPROVEN\n")


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["fech"], "no task `fech` in the plan\n  hint: did you mean `fetch`?"),
        (["wefl.yaml", "a"], "no such file: `wefl.yaml`\n  hint: did you mean `weft.yaml`?"),
        (["survey"], "`survey` is a fan-out of 2 tasks\n  hint: name one, such as `survey[a]`"),
        (["fetch", "fetch"], "both are `fetch`"),
        (["fetch", "clean", "train"], "a verdict is on two tasks, not on 3"),
        (["fetch", "--what-if", "jobs 2"], "--what-if tells about the whole run: name no task"),
        (["--what-if", "faster"], "`faster` is no change of a plan\n  hint: expected `jobs N`"),
        (["--what-if", "limit gpo 2"], "no limit `gpo` in the plan\n  hint: did you mean `gpu`?"),
        (["--what-if", "drop fetch->score"], "nothing orders `score` directly after `fetch`"),
        (["-j", "0"], "'0' is not a number of tasks"),
    ],
)
def test_a_mistake_ends_with_2_and_a_hint(args: list[str], told: str, plan: PlanIn) -> None:
    ended = weft("explain", *args, cwd=plan(PLAN))
    assert (ended.code, ended.out) == (2, "")
    assert told in ended.err


def test_how_many_run_at_once_has_an_effect_on_all_it_tells(plan: PlanIn) -> None:
    root = plan(PLAN)
    assert "with 1 at once" in weft("explain", "-j", "1", cwd=root).out
    assert "pool `max_concurrent` holds 1" in weft("explain", "-j", "1", "fetch", "lint", cwd=root).out
    assert "`max_concurrent` 1 of 1" in weft("explain", "-j", "1", "lint", cwd=root).out
    assert "with 1 at once" in weft("explain", "-j", "1", "--what-if", "jobs 2", cwd=root).out


def test_changes_in_the_variable_are_separated_by_semicolons(plan: PlanIn) -> None:
    ended = weft("explain", cwd=plan(PLAN), env={"WEFT_WHAT_IF": "jobs 2;limit gpu 2"})
    assert [line.split("  ")[0] for line in ended.out.splitlines()] == [
        "as it is",
        "jobs 2",
        "and limit gpu 2",
    ]


def test_links_on_the_disk_are_seen(plan: PlanIn) -> None:
    root = plan("tasks: {a: {run: x, writes: real/x}, b: {run: x, reads: link/x}}")
    (root / "real").mkdir()
    (root / "link").symlink_to("real")
    assert "it reads `real/x`, which `a` writes" in weft("explain", "a", "b", cwd=root).out


def test_a_plan_without_tasks_has_no_critical_path(plan: PlanIn) -> None:
    told = weft("explain", cwd=plan("tasks: {}")).out
    assert told.startswith("0 tasks, 0 pairs")
    assert "critical path   " not in told


def test_where_the_plan_tells_no_duration_the_forecast_goes_by_earlier_runs(plan: PlanIn) -> None:
    root = plan("tasks: {a: sleep 0.1, b: {run: echo b, duration: 5s}}")
    assert "1 task of unknown duration" in weft("explain", cwd=root).out
    assert weft("run", "-q", cwd=root).code == 0
    told = json.loads(weft("explain", "--json", cwd=root).out)
    assert told["n_guessed"] == 0
    assert 5.1 < told["work_s"] < 6.0
    (root / ".weft" / "weft.db").write_text("no journal")
    ended = weft("explain", cwd=root)
    assert (ended.code, ended.err, "1 task of unknown duration" in ended.out) == (0, "", True)
