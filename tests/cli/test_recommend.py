"""`weft recommend`: each row of the table on a plan of its own, and a run of the patched plan.

``WEFT_WRITE_GOLDEN=1`` writes the pages anew; read the difference before you keep it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.cli.process import Ended, weft

PlanIn = Callable[..., Path]

GOLDEN = Path(__file__).parent / "golden"

INDEPENDENT = """\
# Three checks.
tasks:
  lint:  {run: "echo lint", reads: src/, writes: []}     # quick
  types: {run: "echo types", reads: src/, writes: []}
  docs:  {run: "echo docs", reads: docs/, writes: []}
"""

MIXED = """\
tasks:
  interactive-answer: echo 42     # somebody waits
  report: echo report
  prefetch-pages: |
    echo one
    echo two

  # nobody waits for this one
  background-index:
    run: echo index
"""

DEPENDENT = """\
tasks:
  fetch: {run: "sleep 0.2; echo raw > raw.txt"}
  clean:
    run: tr a-z A-Z < raw.txt > clean.txt
  publish:
    run: cp clean.txt published.txt    # the clean one
    needs:
      - fetch                          # said already
"""

SHARED = """\
tasks:
  first:  {run: "sleep 0.2; echo first > state.txt", writes: state.txt}
  second: {run: "echo second > state.txt", writes: state.txt}   # the last word
  log-a:  "sleep 0.2; echo a >> log.txt"
  log-b:  "echo b >> log.txt"
  report: {run: "cat state.txt", reads: state.txt, writes: [], result: text}
"""

API = """\
limits: {disk: 2}
tasks:
  ask:
    each: {city: [Oslo, Rome, Lima]}
    run: curl -fsS "https://api.weather.test/v1/"{city}
    idempotent: true
    retry: 2
"""

TOLERANT = """\
tasks:
  survey:
    each: {n: [1, 2, 3, 4]}
    run: test {n} != 2 && echo a     # one of four fails
    result: lines
aggregates:
  common: {from: survey, strategy: frequency}
"""

TRANSIENT = """\
tasks:
  download: curl -fsS https://files.test/a.txt -o a.txt   # from far away
  upload: curl -fsS -T b.txt https://files.test/
  local: echo 1
"""

CONFIGURED = """\
max_concurrent: 3
limits: {weather: {rate: 100/min}}
groups: {survey: {min_required: 50%}}
tasks:
  survey:
    each: {n: [1, 2, 3, 4]}
    run: curl -fsS https://api.weather.test/{n}
    limits: {weather: 1}
    retry: 3
    group: survey
    result: lines
  state:  {run: "echo 1 > state.txt", writes: state.txt}
  again:  {run: "echo 2 > state.txt", writes: state.txt, workspace: directory, merge: last}
  later:  {run: "cat state.txt", reads: state.txt, priority: low}
aggregates:
  common: {from: survey, strategy: frequency}
"""


class Row(NamedTuple):
    """A row of the table: a plan, the patch that is recommended, how a run of the patched plan ends."""

    plan: str
    patch: dict[str, object]
    code: int = 0


ROWS = {
    "independent": Row(INDEPENDENT, {"max_concurrent": 5}),
    "mixed": Row(
        MIXED,
        {
            "tasks": {
                "interactive-answer": {"priority": "high"},
                "prefetch-pages": {"priority": "low"},
                "background-index": {"priority": "low"},
            }
        },
    ),
    "dependent": Row(DEPENDENT, {"tasks": {"clean": {"needs": ["fetch"]}, "publish": {"needs": ["clean"]}}}),
    "shared": Row(
        SHARED,
        {
            "tasks": {
                "second": {"workspace": "directory", "merge": "last"},
                "log-a": {"workspace": "copy", "merge": "union"},
                "log-b": {"workspace": "copy", "merge": "union"},
            }
        },
    ),
    "api": Row(
        API,
        {
            "limits": {"api.weather.test": {"rate": "100/min"}},
            "tasks": {"ask": {"limits": {"api.weather.test": 1}}},
        },
    ),
    "tolerant": Row(
        TOLERANT, {"groups": {"survey": {"min_required": "50%"}}, "tasks": {"survey": {"group": "survey"}}}, 3
    ),
    "transient": Row(TRANSIENT, {"tasks": {"download": {"retry": {"max_attempts": 3}}}}),
}

# Stands for the real one, which would go over the network: fails the first time, where that is wanted.
CURL = """\
#!/bin/sh
if [ -e fail_once ]; then rm fail_once; exit 7; fi
echo "got it"
"""


def ran(root: Path, *args: str) -> Ended:
    """Run the plan, with a `curl` that stays here."""
    there = root / "bin" / "curl"
    there.parent.mkdir(exist_ok=True)
    there.write_text(CURL, encoding="utf-8")
    there.chmod(0o755)
    return weft(*args, cwd=root, env={"PATH": f"{there.parent}:{os.environ['PATH']}"})


@pytest.mark.parametrize("name", ROWS)
def test_each_row_of_the_table_is_recognised(name: str, plan: PlanIn) -> None:
    row = ROWS[name]
    ended = weft("recommend", "--only", name, "--json", cwd=plan(row.plan))
    assert (ended.code, ended.err) == (0, "")
    told = json.loads(ended.out)
    assert [each["scenario"] for each in told["recommended"]] == [name]
    assert told["patch"] == row.patch


@pytest.mark.parametrize("name", ROWS)
def test_the_page_says_why_and_shows_the_patch(name: str, plan: PlanIn) -> None:
    ended = weft("recommend", "--only", name, cwd=plan(ROWS[name].plan))
    page = GOLDEN / f"recommend_{name}.txt"
    if os.environ.get("WEFT_WRITE_GOLDEN"):
        page.write_text(ended.out, encoding="utf-8")
    assert ended.out == page.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ROWS)
def test_the_patched_plan_keeps_its_text_and_runs(name: str, plan: PlanIn) -> None:
    root, row = plan(ROWS[name].plan), ROWS[name]
    ended = weft("recommend", "--only", name, "--write", cwd=root)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.endswith("\nWritten to weft.yaml.\n")
    page = GOLDEN / f"recommend_{name}.yaml"
    if os.environ.get("WEFT_WRITE_GOLDEN"):
        page.write_bytes((root / "weft.yaml").read_bytes())
    assert (root / "weft.yaml").read_text(encoding="utf-8") == page.read_text(encoding="utf-8")
    done = ran(root, "run", "-q")
    assert done.code == row.code, done
    told = json.loads(weft("recommend", "--only", name, "--json", cwd=root).out)
    assert told["patch"] == {}
    assert [each["scenario"] for each in (*told["recommended"], *told["configured"])] == [name]


def test_needs_that_were_missing_give_the_files_of_one_by_one(plan: PlanIn) -> None:
    root = plan(DEPENDENT)
    weft("recommend", "--only", "dependent", "--write", cwd=root)
    assert ran(root, "run", "-q").code == 0
    assert (root / "published.txt").read_text() == "RAW\n"


def test_workspaces_give_the_files_of_one_by_one(plan: PlanIn) -> None:
    root = plan(SHARED)
    weft("recommend", "--only", "shared", "--write", cwd=root)
    ended = ran(root, "run", "--json")
    assert ended.code == 0, ended
    assert (root / "state.txt").read_text() == "second\n"
    assert (root / "log.txt").read_text() == "a\nb\n"


def test_a_task_that_is_tried_again_gets_over_a_failure(plan: PlanIn) -> None:
    root = plan("tasks:\n  get: curl https://files.test/a\n")
    (root / "fail_once").touch()
    assert ran(root, "run", "-q").code == 1
    (root / "fail_once").touch()
    weft("recommend", "--write", cwd=root)
    assert ran(root, "run", "-q").code == 0


def test_a_configured_plan_gets_nothing(plan: PlanIn) -> None:
    root = plan(CONFIGURED)
    ended = weft("recommend", "--write", cwd=root)
    assert ended.code == 0
    page = GOLDEN / "recommend_configured.txt"
    if os.environ.get("WEFT_WRITE_GOLDEN"):
        page.write_text(ended.out, encoding="utf-8")
    assert ended.out == page.read_text(encoding="utf-8")
    assert (root / "weft.yaml").read_text(encoding="utf-8") == CONFIGURED


def test_a_plan_with_nothing_to_say_is_told_so(plan: PlanIn) -> None:
    assert weft("recommend", cwd=plan("tasks: {a: echo}")).out == "1 task: nothing to recommend\n"


def test_several_scenarios_are_written_at_once(plan: PlanIn) -> None:
    root = plan(TRANSIENT)
    weft("recommend", "--write", cwd=root)
    told = json.loads(weft("recommend", "--json", cwd=root).out)
    assert {each["scenario"] for each in told["configured"]} == {"independent", "api"}
    assert told["patch"] == {}


def test_json_is_written_as_json(plan: PlanIn) -> None:
    text = (
        '{\n\t"tasks": {\n\t\t"a": "curl http://a.test/x",\n'
        '\t\t"b": {\n\t\t\t"run": "curl http://b.test"\n\t\t}\n\t}\n}\n'
    )
    root = plan(text, "weft.json")
    assert weft("recommend", "--only", "transient", "--write", cwd=root).code == 0
    assert (root / "weft.json").read_text() == (
        '{\n\t"tasks": {\n\t\t"a": {"run": "curl http://a.test/x", "retry": {"max_attempts": 3}},\n'
        '\t\t"b": {\n\t\t\t"run": "curl http://b.test",\n\t\t\t"retry": {"max_attempts": 3}\n\t\t}\n\t}\n}\n'
    )


def test_toml_is_shown_for_pasting_and_not_written(plan: PlanIn) -> None:
    text = '[tasks.get]\nrun = "curl http://a.test"\n'
    root = plan(text, "weft.toml")
    ended = weft("recommend", "--write", cwd=root)
    assert ended.code == 2
    assert "      [tasks.get]\n      retry = {max_attempts = 3}\n" in ended.out
    assert ended.err == (
        "weft: weft.toml stays as it is: a TOML plan is not written by Weft\n"
        "  hint: put the lines in yourself\n"
    )
    assert (root / "weft.toml").read_text() == text


def test_standard_input_can_be_looked_at_but_not_written(tmp_path: Path) -> None:
    told = weft("recommend", "-", cwd=tmp_path, stdin=INDEPENDENT)
    assert "max_concurrent: 5" in told.out
    refused = weft("recommend", "-", "--write", cwd=tmp_path, stdin=INDEPENDENT)
    assert (refused.code, refused.out) == (2, "")
    assert "standard input is none" in refused.err


def test_what_tasks_share_by_an_anchor_is_changed_only_for_all_of_them(plan: PlanIn) -> None:
    same = "tasks:\n  a: &both\n    run: curl http://a.test\n  b: *both\n"
    root = plan(same)
    assert weft("recommend", "--only", "transient", "--write", cwd=root).code == 0
    patched = "tasks:\n  a: &both\n    run: curl http://a.test\n    retry: {max_attempts: 3}\n  b: *both\n"
    assert (root / "weft.yaml").read_text() == patched

    merged = "tasks:\n  a: &one\n    run: curl http://a.test\n  b:\n    <<: *one\n    run: echo\n"
    root = plan(merged)
    ended = weft("recommend", "--only", "transient", "--write", cwd=root)
    assert ended.code == 2
    assert ended.err == (
        "weft: weft.yaml stays as it is: the patch can't be put into this file, perhaps because an anchor is "
        "shared\n"
    )
    assert (root / "weft.yaml").read_text() == merged


def test_an_unreadable_plan_is_told_as_ever(plan: PlanIn) -> None:
    ended = weft("recommend", cwd=plan("tasks: {a: {run: echo, neds: b}}"))
    assert ended.code == 2
    assert ended.err.startswith("weft.yaml:1: ")
