from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

import weft
from weft.errors import UsageError
from weft.live.prometheus import LOOPBACK, PrometheusMetrics
from weft.model.limits import Pool
from weft.scheduling.facts import Fact
from weft.testing import Sim, plan, task

ODD = 'gpu "0"\\\n\udce9'


def facts() -> Sequence[Fact]:
    limits = {ODD: Pool(1)}
    run = Sim(plan(*(task(f"t{n}", limits={ODD: 1}, duration_s=2.0) for n in range(3)), limits=limits))
    run.play()
    return run.facts


@pytest.fixture
def metrics() -> Iterator[PrometheusMetrics]:
    metrics = PrometheusMetrics()
    yield metrics
    metrics.close()


def values(text: str) -> dict[tuple[str, ...], float]:
    """The values as the parser of prometheus-client reads them, by name and labels."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_parser_of_prometheus_reads_the_text(metrics: PrometheusMetrics) -> None:
    metrics.show(facts())
    found = values(metrics.text())
    odd = ODD.encode("utf-8", "backslashreplace").decode()
    assert found["weft_tasks", "succeeded"] == 3.0
    assert found["weft_attempts_total",] == 3.0
    assert found["weft_service_seconds_total",] == 6.0
    assert found["weft_wait_seconds_total", "pool", odd] == 6.0
    assert found["weft_limit_utilisation_ratio", "pool", odd] == 1.0
    assert found["weft_task_service_seconds", "0.5"] == 2.0
    assert found["weft_elapsed_seconds",] == 6.0


def test_what_is_asked_while_the_run_goes_on_is_what_is_known_by_then(metrics: PrometheusMetrics) -> None:
    run = facts()
    metrics.show(run[:6])
    before = values(metrics.text())
    metrics.show(run[6:])
    after = values(metrics.text())
    assert before["weft_elapsed_seconds",] < after["weft_elapsed_seconds",]
    assert before["weft_attempts_total",] < after["weft_attempts_total",]


def test_it_answers_at_a_port_of_the_loopback_interface_until_it_is_closed(
    metrics: PrometheusMetrics,
) -> None:
    metrics.show(facts())
    url = f"http://{LOOPBACK}:{metrics.serve(0)}/metrics"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=30.0) as answer:
        assert values(answer.read().decode())["weft_tasks", "succeeded"] == 3.0
    metrics.close()
    with pytest.raises(urllib.error.URLError):
        opener.open(url, timeout=30.0)


def test_a_port_that_is_taken_is_an_error(metrics: PrometheusMetrics) -> None:
    port = metrics.serve(0)
    with pytest.raises(UsageError, match=f"no metrics at port {port}: "):
        PrometheusMetrics().serve(port)


def test_a_file_is_there_as_a_whole_or_as_it_was(metrics: PrometheusMetrics, tmp_path: Path) -> None:
    path = tmp_path / "weft.prom"
    path.write_text("what was there before")
    metrics.show(facts())
    metrics.write(path)
    assert values(path.read_text())["weft_tasks", "succeeded"] == 3.0
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("module", "wanted"),
    [("prometheus_client", "metrics_port=0"), ("opentelemetry", "trace=True")],
)
def test_without_the_extra_it_is_said_how_to_get_it(module: str, wanted: str) -> None:
    program = f"""
import sys
sys.path.insert(0, {str(Path(weft.__file__).parents[1])!r})
sys.modules[{module!r}] = None  # as if it were not installed
import weft
from weft.live.following import Wanted, following
try:
    with following(Wanted({wanted})) as others:
        pass
except weft.WeftError as error:
    print(error)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "which is not installed\n  hint: pip install 'weft[otel]'" in ran.stdout, ran.stderr
