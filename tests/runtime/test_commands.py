"""What commands are given: an environment, and the results that they need."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.executors.told import in_a_loop

import weft
from weft.errors import TaskFailed
from weft.model.outcome import Failed, Succeeded
from weft.model.reason import CouldNotStart
from weft.model.retry import Retry
from weft.model.work import Command, ResultFormat
from weft.runtime.engine import Engine
from weft.scheduling.facts import Fact, RetryScheduled

# A task is a process of its own, which must find this Weft and no other.
SOURCE = str(Path(weft.__path__[0]).parent)
SHOW_RESULTS = Command(
    (sys.executable, "-c", "import json, weft; print(json.dumps(weft.results()))"),
    env={"PYTHONPATH": SOURCE},
    result=ResultFormat.JSON,
)


def answer() -> dict[str, Any]:
    return {"patterns": ["with", "é"], "n": 3}


@in_a_loop
async def test_a_command_knows_its_run_and_its_task(tmp_path: Path) -> None:
    script = 'echo "$WEFT_RUN_ID|$WEFT_TASK_ID|$WEFT_ATTEMPT|$WEFT_WORKSPACE|$MINE"'
    async with Engine(root=tmp_path) as engine:
        said = engine.submit(
            Command(script, env={"MINE": "x y", "WEFT_ATTEMPT": "9"}, result=ResultFormat.TEXT), id="é"
        )
        assert await said == f"{engine.run_id}|é|1|{tmp_path}|x y"


@in_a_loop
async def test_a_command_runs_where_it_says_relative_to_the_root(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "here").touch()
    async with Engine(root=tmp_path) as engine:
        found = Command("ls", cwd="sub", result=ResultFormat.LINES)
        assert await engine.submit(found) == ["here"]


@in_a_loop
async def test_a_script_reads_the_results_that_it_needs_in_plan_order(tmp_path: Path) -> None:
    async with Engine(root=tmp_path) as engine:
        first = engine.submit(answer, id="survey[a/b.md]")
        second = engine.submit(Command("echo 7", result=ResultFormat.JSON), id="count")
        silent = engine.submit(Command("echo 8"), id="silent")
        found = await engine.submit(SHOW_RESULTS, needs=[silent, second, first])
    assert list(found.items()) == [("survey[a/b.md]", answer()), ("count", 7)]


def test_a_script_that_needs_a_group_reads_the_results_that_there_are(tmp_path: Path) -> None:
    groups = {"survey": weft.Group(min_required=1), "inner": weft.Group(group="survey", critical=False)}
    plan = weft.Plan(root=tmp_path, groups=groups)
    plan.add(Command("echo 7", result=ResultFormat.JSON), id="a", group="survey")
    plan.add(Command("exit 1", result=ResultFormat.JSON), id="b", group="survey")
    plan.add(answer, id="c", group="inner")
    plan.add(SHOW_RESULTS, id="shown", needs=["inner", "survey"])
    assert weft.run(plan).results["shown"] == {"a": 7, "c": answer()}


@in_a_loop
async def test_a_script_that_needs_nothing_has_no_results_even_inside_another_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "index.json").write_text(json.dumps([{"task": "outer", "file": "0.json"}]))
    monkeypatch.setenv("WEFT_RESULTS", str(tmp_path))
    async with Engine(root=tmp_path) as engine:
        assert await engine.submit(SHOW_RESULTS) == {}


@in_a_loop
async def test_a_result_that_json_does_not_hold_fails_who_needs_it(tmp_path: Path) -> None:
    async with Engine(root=tmp_path) as engine:
        strange = engine.submit(object, id="strange")
        needing = engine.submit(SHOW_RESULTS, id="needing", needs=[strange])
        with pytest.raises(TypeError, match=r"the result of `strange` can't be written as JSON: .*object"):
            await needing
        assert isinstance(needing.outcome, Failed)
        assert isinstance(needing.outcome.because, CouldNotStart)
        assert isinstance(await engine.submit(id, strange), int)  # for a function it is as good as any


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (Command(("no-such-program-here",)), "no such program: no-such-program-here"),
        (Command("true", cwd="nowhere"), "no such directory: .*nowhere"),
        (Command("echo {", result=ResultFormat.JSON), "the output is not a JSON document"),
        (Command("kill -9 $$"), "killed by SIGKILL"),
        (Command("true\0"), "not to be passed to a program"),
    ],
)
@in_a_loop
async def test_a_command_that_fails_tells_why(command: Command, told: str, tmp_path: Path) -> None:
    async with Engine(root=tmp_path) as engine:
        with pytest.raises(TaskFailed, match=told):
            await engine.submit(command)


@in_a_loop
async def test_the_logs_of_every_attempt_are_kept(tmp_path: Path) -> None:
    async with Engine(root=tmp_path) as engine:
        script = 'echo "attempt $WEFT_ATTEMPT"; test $WEFT_ATTEMPT = 3'
        tried = engine.submit(Command(script), id="tried/often", retry=Retry(base_s=0.001))
        assert await tried.wait() == Succeeded(None)
    assert engine.folder is not None
    logs = {path.name: path.read_text() for path in engine.folder.task("tried/often").glob("*.log")}
    assert {name: text for name, text in logs.items() if text} == {
        "attempt-1.stdout.log": "attempt 1\n",
        "attempt-2.stdout.log": "attempt 2\n",
        "stdout.log": "attempt 3\n",
    }


@in_a_loop
async def test_a_command_says_how_long_to_wait_before_it_is_tried_again(tmp_path: Path) -> None:
    due: list[float] = []

    def listen(facts: Sequence[Fact]) -> None:
        due.extend(fact.due - fact.at for fact in facts if isinstance(fact, RetryScheduled))

    async with Engine(root=tmp_path) as engine:
        engine.listen(listen)
        script = "test $WEFT_ATTEMPT = 2 || { echo weft: retry-after 0.25 >&2; exit 1; }"
        tried = engine.submit(Command(script), retry=Retry(base_s=0.001))
        assert await tried.wait() == Succeeded(None)
    assert due == [pytest.approx(0.25)]
