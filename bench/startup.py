"""How long until Weft is there: `import weft`, `weft --help`, `weft check`?

All as fresh processes. The least of many rounds is what the machine can do, the median what one sees.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from _side_by_side import Goal, Measure, Table, in_turns, size_from_command_line, wall_s

BARE = "python -c pass"
IMPORT = "python -c 'import weft'"
PLAN = """\
tasks:
  fetch: {run: ./fetch.sh}
  survey: {each: {n: [1, 2, 3]}, run: 'echo {n}', needs: [fetch]}
"""


def _process_s(arguments: list[str], folder: str) -> float:
    command = [sys.executable, *arguments]

    def run() -> None:
        subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, check=True)

    return wall_s(run)


def main() -> None:
    """Measure and print."""
    size = size_from_command_line(__doc__ or "", rounds=30)
    commands = {
        BARE: ["-c", "pass"],
        IMPORT: ["-c", "import weft"],
        "python -c 'import asyncio'": ["-c", "import asyncio"],
        "python -c 'import weft; weft.map'": ["-c", "import weft; weft.map"],
        "python -c 'import weft; weft.run'": ["-c", "import weft; weft.run"],
        "weft --help": ["-m", "weft", "--help"],
        "weft check, a small plan": ["-m", "weft", "check"],
    }
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "weft.yaml").write_text(PLAN)
        ways: dict[str, Measure] = {name: partial(_process_s, of, folder) for name, of in commands.items()}
        values = in_turns(ways, size.rounds)
    table = Table("Start-up, compared by what is added to the bare interpreter")
    for title, of in (("least", min), ("median", statistics.median)):
        table.section(title)
        bare_ms = 1e3 * of(values[BARE])
        for name, seconds in values.items():
            ms = 1e3 * of(seconds)
            added = None if name == BARE else ms - bare_ms
            table.line(name, f"{ms:.1f} ms", added, Goal("<=", 60, "ms") if name == IMPORT else None)


if __name__ == "__main__":
    main()
