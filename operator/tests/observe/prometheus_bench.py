"""A real Prometheus for tests: with a past that we wrote (promtool backfills it) and exporters that it scrapes now."""

from __future__ import annotations

import math
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from e2e.stack import ports

ROOT = Path(__file__).parents[3]
SECONDS_OF_FRESH_SAMPLES = 1.5  # of those that come every second
EDGES_MS = (
    0.5,
    1,
    5,
    10,
    25,
    50,
    100,
    250,
    500,
    1000,
    2500,
    5000,
    10000,
    30000,
    60000,
    300000,
    600000,
    1800000,
    3600000,
)


def tool(name: str) -> str:
    """The built binary, or one on the PATH."""
    found = shutil.which(name, path=str(ROOT / ".cache" / "bin")) or shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} in .cache/bin or on the PATH")
    return found


def eventually(check: Callable[[], bool], what: str, deadline_seconds: float = 150) -> None:
    end = time.monotonic() + deadline_seconds
    while not check():
        assert time.monotonic() < end, f"{what}: not within {deadline_seconds} s"
        time.sleep(0.05)


@dataclass(frozen=True)
class Series:
    """What the past of one series was: (Unix seconds, value)."""

    name: str
    labels: str
    samples: list[tuple[float, float]]

    def lines(self) -> Iterator[str]:
        return (f"{self.name}{{{self.labels}}} {value} {at:.3f}" for at, value in self.samples)


@dataclass
class Cluster:
    """What Envoy counts for one model version; `slow_ms` is the edge below which none of the requests is."""

    namespace: str
    name: str
    completed: float = 0
    retried: float = 0
    errors: float = 0
    slow_ms: float = 10
    instance: str = "a"
    under_way: float = 0

    def values(self) -> list[tuple[str, str, float]]:
        labels = f'namespace="{self.namespace}",envoy_cluster_name="{self.name}",instance="{self.instance}"'
        rows = [
            ("envoy_cluster_upstream_rq_total", labels, self.completed + self.retried),
            ("envoy_cluster_upstream_rq_active", labels, self.under_way),
        ]
        if self.completed == 0:  # Envoy shows the others only after the first answer.
            return rows
        buckets = [(f'{labels},le="{edge:.15g}"', self.completed if edge >= self.slow_ms else 0.0) for edge in EDGES_MS]
        return [
            *rows,
            ("envoy_cluster_upstream_rq_completed", labels, self.completed),
            ("envoy_cluster_upstream_rq_retry_success", labels, self.retried),
            ("envoy_cluster_upstream_rq_xx", f'{labels},envoy_response_code_class="5"', self.errors),
            ("envoy_cluster_upstream_rq_xx", f'{labels},envoy_response_code_class="2"', self.completed - self.errors),
            *(("envoy_cluster_upstream_rq_time_bucket", row, value) for row, value in buckets),
            ("envoy_cluster_upstream_rq_time_bucket", f'{labels},le="+Inf"', self.completed),
        ]


@dataclass
class Labelled:
    """What became of a model's predictions, as an exporter of the user's own counts it."""

    namespace: str
    model: str
    total: float = 0
    good: float | None = 0
    """None: no such series yet."""
    profit: float = 0
    squares: float = 0
    more: str = 'instance="a"'

    def values(self) -> list[tuple[str, str, float]]:
        labels = f'namespace="{self.namespace}",model="{self.model}",{self.more}'
        good = [] if self.good is None else [("good_total", labels, self.good)]
        return [
            *good,
            ("profit_sum", labels, self.profit),
            ("profit_squares", labels, self.squares),
            ("labelled_total", labels, self.total),
        ]


Exported = Cluster | Labelled


def past(clusters: Iterable[tuple[float, Exported]]) -> list[Series]:
    """The series of what was exported as they stood at each time."""
    samples: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for at, cluster in clusters:
        for name, labels, value in cluster.values():
            samples.setdefault((name, labels), []).append((at, value))
    return [Series(name, labels, values) for (name, labels), values in samples.items()]


@dataclass
class Exporter:
    """A little Envoy on its own port, whose truth is what a test wrote into it."""

    clusters: list[Exported]
    is_failing: bool = False
    scrapes: int = 0
    failures: int = 0
    port: int = 0
    _server: ThreadingHTTPServer | None = field(default=None, repr=False)

    def start(self) -> None:
        exporter = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                exporter.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        ThreadingHTTPServer.allow_reuse_address = True
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        request.close_connection = True
        if self.is_failing:
            self.failures += 1
            request.send_error(500)
            return
        lines = [f"{name}{{{labels}}} {value}" for cluster in self.clusters for name, labels, value in cluster.values()]
        body = ("\n".join(lines) + "\n").encode()
        request.send_response(200)
        request.send_header("Content-Type", "text/plain; version=0.0.4")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)
        self.scrapes += 1

    def die(self) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()


@dataclass(frozen=True)
class Prometheus:
    address: str

    def ask(self, promql: str, at: float | None = None) -> Any:
        """Prometheus' own word, past our reader."""
        params = {"query": promql} | ({} if at is None else {"time": f"{at:.3f}"})
        answer = httpx.get(f"{self.address}/api/v1/query", params=params, timeout=60).json()
        assert answer["status"] == "success", answer
        return answer["data"]["result"]

    def now(self, fresh: Iterable[Exporter] = ()) -> float:
        """Its time, at a moment when it has just scraped these."""
        now = 0.0

        def has_scraped_all() -> bool:
            nonlocal now
            now = float(self.ask("time()")[1])
            return all(self._age(exporter, now) < SECONDS_OF_FRESH_SAMPLES for exporter in fresh)

        eventually(has_scraped_all, "all were scraped just now")
        return now

    def _age(self, exporter: Exporter, at: float) -> float:
        """Seconds since its newest scrape that worked."""
        up = f'up{{instance="127.0.0.1:{exporter.port}"}}'
        found = self.ask(f"(time() - timestamp({up})) and {up} == 1", at)
        return float(found[0]["value"][1]) if found else math.inf

    def holds(self, exporter: Exporter) -> bool:
        """Whether the newest samples are what the exporter shows."""
        for cluster in exporter.clusters:
            name, labels, value = cluster.values()[-1]
            got = self.ask(f"{name}{{{labels}}}".replace('le="', 'le=~"').replace("+Inf", r"\\+Inf"))
            if [float(series["value"][1]) for series in got] != [value]:
                return False
        return True


@contextmanager
def running_prometheus(folder: Path, history: Iterable[Series], exporters: Iterable[Exporter]) -> Iterator[Prometheus]:
    binary = tool("prometheus")
    _backfill(folder, history)
    targets = ", ".join(f"'127.0.0.1:{exporter.port}'" for exporter in exporters)
    config = folder / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s, scrape_timeout: 900ms}\n"
        f"scrape_configs: [{{job_name: envoy, honor_labels: true, static_configs: [{{targets: [{targets}]}}]}}]\n"
    )
    reservation = ports.reserve()
    port = reservation.ports.prometheus
    arguments = [
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen([binary, *arguments], stdout=log, stderr=log)
    prometheus = Prometheus(f"http://127.0.0.1:{port}")
    try:
        eventually(lambda: _is_ready(prometheus), "Prometheus is ready")
        yield prometheus
    finally:
        process.kill()
        process.wait()
        reservation.release()


def _is_ready(prometheus: Prometheus) -> bool:
    try:
        return httpx.get(f"{prometheus.address}/-/ready").status_code == 200
    except httpx.TransportError:
        return False


def _backfill(folder: Path, history: Iterable[Series]) -> None:
    text = folder / "history.txt"
    text.write_text("\n".join([line for series in history for line in series.lines()] + ["# EOF\n"]))
    subprocess.run(
        [tool("promtool"), "tsdb", "create-blocks-from", "openmetrics", str(text), str(folder / "data")],
        check=True,
        capture_output=True,
    )
