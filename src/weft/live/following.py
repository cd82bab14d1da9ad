"""What follows a run besides its display: traces, metrics, a timeline; and where each of them goes.

Opened before the run begins, so that a mistake is told before anything is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from weft.errors import UsageError
from weft.live.otel import Telemetry
from weft.live.prometheus import LOOPBACK, PrometheusMetrics
from weft.runtime.engine import Engine
from weft.views import timeline_export
from weft.views.report import Report
from weft.views.timeline import Timeline

CHROME_SUFFIXES = (".trace", ".trace.json")


class Wanted(msgspec.Struct, frozen=True):
    """What the user wants of a run besides its display; nothing, if nothing else is said.

    ``timeline`` and ``metrics_file`` are files to be written, ``metrics_port`` is a port to answer at.
    """

    timeline: Path | None = None
    metrics_file: Path | None = None
    metrics_port: int | None = None
    trace: bool = False


class Following:
    """Follows one run. `follow` it before it begins, and `finish` with its report."""

    def __init__(self, wanted: Wanted, tell: Callable[[str], object] = lambda line: None) -> None:
        self._wanted = wanted
        self._tell = tell
        self._closing = ExitStack()
        self._metrics: PrometheusMetrics | None = None
        self._telemetry: Telemetry | None = None
        for path in (wanted.timeline, wanted.metrics_file):
            if path is not None and not path.absolute().parent.is_dir():
                raise UsageError(f"{path} can't be written: there is no such directory")
        if wanted.timeline is not None:
            writer_of(wanted.timeline)
        if wanted.metrics_file is not None or wanted.metrics_port is not None:
            self._metrics = PrometheusMetrics()
            self._closing.callback(self._metrics.close)
            if wanted.metrics_port is not None:
                port = self._metrics.serve(wanted.metrics_port)
                tell(f"metrics at http://{LOOPBACK}:{port}/metrics")

        if wanted.trace:
            self._telemetry = Telemetry()
            self._closing.callback(self._telemetry.close)

    def follow(self, engine: Engine) -> None:
        """Follow the run of ``engine``, in which nothing has begun."""
        if self._metrics is not None:
            engine.listen(self._metrics.show)
        if self._telemetry is not None:
            self._telemetry.run_id = engine.run_id
            engine.trace(self._telemetry)

    def finish(self, report: Report) -> None:
        """Write what is to be written."""
        if self._wanted.timeline is not None:
            text = writer_of(self._wanted.timeline)(report.chronicle.timeline)
            self._wanted.timeline.write_text(text, encoding="utf-8")
        if self._wanted.metrics_file is not None and self._metrics is not None:
            self._metrics.write(self._wanted.metrics_file)

    def close(self) -> None:
        """Send what was not sent, and let go of everything."""
        self._closing.close()


@contextmanager
def following(wanted: Wanted, tell: Callable[[str], object] = lambda line: None) -> Iterator[Following]:
    """Open what the user wants, and close it when the block is left.

    Args:
        wanted: by the user.
        tell: is given a line that the user should see.

    Raises:
        UsageError: it can't be had.
    """
    opened = Following(wanted, tell)
    try:
        yield opened
    finally:
        opened.close()


def writer_of(path: Path) -> Callable[[Timeline], str]:
    """Return what makes the text for a file of this name.

    Raises:
        UsageError: the name does not tell which.

    >>> writer_of(Path("run.trace.json")).__name__, writer_of(Path("run.json")).__name__
    ('chrome', 'as_json')
    """
    name = path.name.lower()
    if name.endswith(CHROME_SUFFIXES):
        return timeline_export.chrome
    if name.endswith(".json"):
        return timeline_export.as_json
    raise UsageError(
        f"{path}: the name must tell what is wanted\n"
        "  hint: FILE.trace for Chrome and Perfetto, FILE.json for Weft's own format"
    )
