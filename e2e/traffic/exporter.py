"""What clients see, as the metrics that dashboards of A/B tests expect; on the loopback interface only."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from e2e.traffic.records import NO_ANSWER, Answer, Outcome

MOST_ARMS = 100  # model versions with series of their own; what comes later is counted together
MILLISECONDS = (
    1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 50, 75, 100, 150, 250, 500, 1000, 2500, 5000, 10_000,
)  # fmt: skip
_ARM = ("experiment", "model", "version")
_OTHERS = ("other", "")
_NOBODY = ("none", "")

Arm = tuple[str, str]
"""Model and version."""


@dataclass
class _Sums:
    """Of one arm's outcomes so far."""

    labelled: int = 0
    correct: int = 0
    profit: float = 0.0

    def add(self, outcome: Outcome) -> None:
        self.labelled += 1
        self.correct += outcome.is_correct
        self.profit += outcome.profit


class Exporter:
    """Watches traffic and shows it to Prometheus."""

    def __init__(self, experiment: str = "") -> None:
        self.registry = CollectorRegistry()
        self._experiment = experiment
        self._arms: set[Arm] = set()
        self._sums: dict[Arm, _Sums] = defaultdict(_Sums)
        self._requests = Counter(
            "ab_test_requests",
            "Requests of clients, by the model version that answered (none: nobody said) and the code of its answer "
            "(none: no answer came).",
            (*_ARM, "code"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "ab_test_response_time_seconds",
            "Time from a request to the end of its answer, whatever its code; requests that are nonsense are left out.",
            _ARM,
            buckets=[edge / 1000 for edge in MILLISECONDS],
            registry=self.registry,
        )
        self._accuracy = Gauge(
            "ab_test_model_accuracy",
            "Share (0-1) of the labels so far with which the prediction came true.",
            _ARM,
            registry=self.registry,
        )
        self._impact = Gauge(
            "ab_test_business_impact",
            "Mean profit of a prediction in basis points, over all labels so far.",
            _ARM,
            registry=self.registry,
        )

    @contextlib.contextmanager
    def serve(self, port: int) -> Iterator[None]:
        """Serve the page on 127.0.0.1 while the block lasts. Raises OSError when the port is taken."""
        server, thread = start_http_server(port, addr="127.0.0.1", registry=self.registry)
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def answered(self, answer: Answer) -> None:
        """One more answer."""
        arm = self._arm(answer.arm, answer.version)
        code = str(answer.code) if answer.code != NO_ANSWER else "none"
        self._requests.labels(self._experiment, *arm, code).inc()
        if not answer.is_garbage and answer.code != NO_ANSWER:
            self._seconds.labels(self._experiment, *arm).observe(answer.seconds)

    def told(self, outcome: Outcome) -> None:
        """One more label."""
        arm = self._arm(outcome.arm, outcome.version)
        sums = self._sums[arm]
        sums.add(outcome)
        self._accuracy.labels(self._experiment, *arm).set(sums.correct / sums.labelled)
        self._impact.labels(self._experiment, *arm).set(sums.profit / sums.labelled)

    def _arm(self, model: str, version: str) -> Arm:
        """The labels of an arm; there is room for so many of them only."""
        arm = (model, version) if model else _NOBODY
        if arm not in self._arms and len(self._arms) >= MOST_ARMS:
            return _OTHERS
        self._arms.add(arm)
        return arm
