"""An exporter of known truth: Envoy's metrics of many models, with counts that are a function of the time of asking.

Every exposition has a number and says it, so that whoever reads Prometheus later can ask which exposition a look saw,
and the exporter which counts stood in it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

NUMBER = "bench_exposition"
ERRORS_PER_REQUEST = 0.01
RETRIES_PER_REQUEST = 0.005
# Upper edges of Envoy's default histogram in ms, and the share of requests that took at most so long.
LATENCY = (
    ("0.5", 0.0), ("1", 0.0), ("5", 0.1), ("10", 0.4), ("25", 0.85), ("50", 0.945), ("100", 0.985), ("250", 0.999),
    ("500", 1.0), ("1000", 1.0), ("2500", 1.0), ("5000", 1.0), ("10000", 1.0), ("30000", 1.0), ("60000", 1.0),
    ("300000", 1.0), ("600000", 1.0), ("1.8e+06", 1.0), ("3.6e+06", 1.0), ("+Inf", 1.0),
)  # fmt: skip


@dataclass(frozen=True)
class Arm:
    """A model, and how often it is asked."""

    model: str
    per_second: float


@dataclass(frozen=True)
class Counts:
    """What stood in one exposition for one model."""

    requests: int
    troubled: int


class Exporter:
    """Serves /metrics from `with` on, on a free port of its own."""

    def __init__(self, arms: Sequence[Arm]) -> None:
        self._arms = arms
        self._texts = [_template(arm.model) for arm in arms]
        self._begun = time.time()
        self._asked_at: list[float] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True, name="exporter")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/metrics"

    def __enter__(self) -> Exporter:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def truth(self, arm: Arm, exposition: int) -> Counts:
        """What this exposition said of this arm."""
        return self._counts(arm, self._asked_at[exposition])

    def exposition(self) -> str:
        """The next one."""
        with self._lock:
            at, number = time.time(), len(self._asked_at)
            self._asked_at.append(at)
        told = [text % self._values(arm, at) for text, arm in zip(self._texts, self._arms, strict=True)]
        return f"{NUMBER} {number}\n" + "".join(told)

    def _counts(self, arm: Arm, at: float) -> Counts:
        requests = int(arm.per_second * (at - self._begun))
        troubled = int(requests * ERRORS_PER_REQUEST) + int(requests * RETRIES_PER_REQUEST)
        return Counts(requests, troubled)

    def _values(self, arm: Arm, at: float) -> tuple[int, ...]:
        requests = self._counts(arm, at).requests
        errors, retries = int(requests * ERRORS_PER_REQUEST), int(requests * RETRIES_PER_REQUEST)
        buckets = (int(requests * share) for _, share in LATENCY)
        return (requests, requests, retries, errors, *buckets)

    def _handler(exporter) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = exporter.exposition().encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


def _template(model: str) -> str:
    """The lines of one model, with a place for each number."""
    own = f'envoy_cluster_name="{model}_1_http"'
    counters = (
        f"envoy_cluster_upstream_rq_total{{{own}}}",
        f"envoy_cluster_upstream_rq_completed{{{own}}}",
        f"envoy_cluster_upstream_rq_retry_success{{{own}}}",
        f'envoy_cluster_upstream_rq_xx{{envoy_response_code_class="5",{own}}}',
        *(f'envoy_cluster_upstream_rq_time_bucket{{{own},le="{edge}"}}' for edge, _ in LATENCY),
    )
    return "".join(f"{counter} %d\n" for counter in counters)
