"""What the tests of displays share: a run that has everything in it, and pages to compare with.

``WEFT_WRITE_GOLDEN=1`` writes the pages anew; read the difference before you keep it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest
from tests.live.troubled import troubled

from weft.model.attempt import Attempt
from weft.model.outcome import Cancelled, Failed, Outcome, Skipped, Succeeded
from weft.model.reason import CancelAsked, DependencyFailed, Exited, Raised
from weft.runtime.layout import RunFolder
from weft.scheduling.facts import (
    AttemptEnded,
    AttemptStarted,
    Fact,
    RunEnded,
    StopAsked,
    TaskAdded,
    TaskEnded,
)
from weft.scheduling.states import RunState
from weft.views.report import Report, ReportView

GOLDEN = Path(__file__).parent / "golden"

TASKS = ("fetch", "survey[docs/a.md]", "survey[docs/b\n.md]", "build", "upload", "notify", "slow")


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compares a text with the page of this name."""

    def compare(name: str, text: str) -> None:
        page = GOLDEN / name
        if os.environ.get("WEFT_WRITE_GOLDEN"):
            page.write_bytes(text.encode())
        assert text == page.read_bytes().decode()

    return compare


@pytest.fixture
def stdout() -> TextIOWrapper:
    return TextIOWrapper(BytesIO(), encoding="utf-8")


@pytest.fixture
def stderr() -> TextIOWrapper:
    return TextIOWrapper(BytesIO(), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """The folder of a run whose tasks have written something."""
    monkeypatch.chdir(tmp_path)
    folder = RunFolder.of(Path(), "r1")
    written = {
        folder.stdout("fetch"): b"fetched 3 pages\n",
        folder.stdout("survey[docs/a.md]"): b'{"patterns": []}\n',
        folder.stdout("build"): b"compiling\nlinking\n",
        folder.stderr("build"): b"\x1b[31merror:\x1b[0m no such header\n" + b"note\n" * 12 + b"half a line",
    }
    for path, data in written.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


@pytest.fixture
def facts() -> Sequence[Fact]:
    """A run in which tasks succeed, fail, are skipped and cancelled; it begins at 100.0."""
    facts: list[Fact] = [
        TaskAdded(100.0, task, name, "survey" if "[" in name else None, 2.0 if name == "slow" else None)
        for task, name in enumerate(TASKS)
    ]
    facts += [AttemptStarted(100.0, Attempt(task)) for task in (0, 1, 2, 3)]
    facts += _end(100.25, 0, Succeeded(None))
    facts.append(AttemptStarted(100.25, Attempt(6)))
    facts += _end(101.5, 1, Succeeded({"patterns": ["with", ("a", 1)], "raw": {1}}))
    facts += _end(
        102.0, 2, Failed(Raised("ValueError", "no\nnumber", "Traceback:\n  line 1\nValueError: no"))
    )
    facts += _end(165.0, 3, Failed(Exited(2)))
    facts += [TaskEnded(165.0, task, Skipped(DependencyFailed("build"))) for task in (4, 5)]
    facts.append(StopAsked(165.5, Attempt(6)))
    facts += _end(166.0, 6, Cancelled(CancelAsked()))
    facts.append(RunEnded(166.0, RunState.FAILED))
    return facts


@pytest.fixture
def report(facts: Sequence[Fact]) -> Report:
    return report_of(facts)


@pytest.fixture
def trouble() -> Sequence[Fact]:
    """A run in which all goes wrong that can be told; it begins at 0.0."""
    return troubled().facts


@pytest.fixture
def bad_report(trouble: Sequence[Fact]) -> Report:
    return report_of(trouble)


def report_of(facts: Sequence[Fact]) -> Report:
    view = ReportView()
    view.fold_all(facts)
    return view.report()


def _end(at: float, task: int, outcome: Outcome) -> list[Fact]:
    return [AttemptEnded(at, Attempt(task), outcome), TaskEnded(at, task, outcome)]
