"""Five tasks edit one real repository at once: this project's own, cloned. Two of them are in conflict."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.cli.process import weft

ROOT = Path(__file__).parents[2]

PLAN = """
workspace: copy
tasks:
  readme: echo 'One line more.' >> README.md
  rename: mv src/weft/errors.py src/weft/mistakes.py
  pages:  mkdir docs/more && echo '# More' > docs/more/page.md && rm STYLE.md
  first:  sed -i '1s/.*/# Changes, by the first/' CHANGELOG.md
  second: sed -i '1s/.*/# Changes, by the second/' CHANGELOG.md && echo 'second' > docs/second.md
"""


def git(root: Path, *args: str) -> str:
    command = ["git", "-c", "safe.directory=*", *args]
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone")
    root = tmp_path / "repository"
    git(tmp_path, "clone", "-q", "--no-hardlinks", str(ROOT), str(root))
    (root / "weft.yaml").write_text(PLAN)
    (root / ".git/info/exclude").write_text("weft.yaml\n")
    return root


def changed(root: Path) -> set[str]:
    return set(git(root, "status", "--porcelain", "--untracked-files=all").splitlines())


FOUR = {
    " M README.md", " D src/weft/errors.py", "?? src/weft/mistakes.py", "?? docs/more/page.md", " D STYLE.md",
    " M CHANGELOG.md",
}  # fmt: skip


def first_line(path: Path) -> str:
    return path.read_text().splitlines()[0]


def test_four_are_merged_and_the_fifth_is_told_kept_and_can_be_finished(repository: Path) -> None:
    was = git(repository, "rev-parse", "HEAD")
    ended = weft("run", cwd=repository)
    assert ended.code == 1, ended
    assert changed(repository) == FOUR
    assert first_line(repository / "CHANGELOG.md") == "# Changes, by the first"

    kept = repository / ".weft/runs/latest/second/workspace"
    assert first_line(kept / "CHANGELOG.md") == "# Changes, by the second"
    assert "CHANGELOG.md" in ended.err
    assert f"runs/{kept.resolve().parts[-3]}/second/workspace" in ended.err

    assert weft("merge", "latest", cwd=repository).code == 1
    assert changed(repository) == FOUR

    merged = weft("merge", "latest", "second", "--policy", "keep-both", cwd=repository)
    assert merged.code == 0, merged
    assert changed(repository) == FOUR | {"?? CHANGELOG.second.md", "?? docs/second.md"}
    assert first_line(repository / "CHANGELOG.md") == "# Changes, by the first"
    assert first_line(repository / "CHANGELOG.second.md") == "# Changes, by the second"
    assert git(repository, "rev-parse", "HEAD") == was
    git(repository, "fsck", "--no-progress")
