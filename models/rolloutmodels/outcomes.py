"""Counters of what became of predictions, and the ids that they have counted.

Both live here, apart from the runtime, because MLServer reloads the runtime's module whenever a model is loaded.
So ids are forgotten exactly when the counters are: with the process.
"""

import threading
from collections.abc import Iterable, Sequence

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.registry import Collector

from rolloutmodels.labels import Label, Refusal

MAX_ARMS = 500  # model versions with series of their own in one process
REMEMBERED_IDS = 50_000
_ARM = ("model", "model_version")
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_AGES = (
    1, 2, 5, 10, 30, _MINUTE, 2 * _MINUTE, 5 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE,
    _HOUR, 2 * _HOUR, 6 * _HOUR, 12 * _HOUR, _DAY, 2 * _DAY, 4 * _DAY, 7 * _DAY,
)  # fmt: skip


class Outcomes(Collector):
    """All collectors of feedback, shown to Prometheus as they stood at one moment.

    The page is written by another thread. Without the lock it could hold the correct ones of a batch but not its
    total, and who takes differences would see more correct predictions than there were.
    """

    def __init__(self, registry: CollectorRegistry, max_arms: int = MAX_ARMS, remembered: int = REMEMBERED_IDS) -> None:
        self._labelled = Counter(
            "model_predictions_labelled", "Predictions whose truth became known.", _ARM, registry=None
        )
        self._correct = Counter(
            "model_predictions_correct", "Labelled predictions that came true.", _ARM, registry=None
        )
        self._profits = Counter("model_profit_count", "Predictions whose profit became known.", _ARM, registry=None)
        # A gauge to Prometheus, for losses take it down; it starts at 0 with the process, as its counters do.
        self._sum = Gauge(
            "model_profit_sum", "Sum of these profits; falls with a loss.", _ARM, registry=None, multiprocess_mode="sum"
        )
        self._squares = Counter("model_profit_sum_of_squares", "Sum of their squares.", _ARM, registry=None)
        self._ages = Histogram(
            "model_prediction_age_seconds",
            "Time from a prediction until its truth became known, as the client measured it.",
            _ARM,
            registry=None,
            buckets=_AGES,
        )
        self._repeated = Counter("model_feedback_repeated", "Labels that had been counted before.", _ARM, registry=None)
        self._refused = Counter(
            "model_feedback_refused",
            "Requests with labels refused with 400, by what was wrong.",
            ["reason"],
            registry=None,
        )
        for reason in Refusal:
            self._refused.labels(reason.value)
        self._max_arms, self._remembered = max_arms, remembered
        self._arms: set[tuple[str, str]] = set()
        self._ids: dict[tuple[str, str, str], None] = {}
        self._lock = threading.Lock()
        registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """For Prometheus."""
        counted = (self._labelled, self._correct, self._profits, self._sum, self._squares, self._ages)
        with self._lock:
            return [family for one in (*counted, self._repeated, self._refused) for family in one.collect()]

    def refuse(self, reason: Refusal) -> None:
        """Note a request that was refused."""
        with self._lock:
            self._refused.labels(reason.value).inc()

    def without_room(self, labels: Iterable[Label]) -> str | None:
        """The first model that would have one series too many, or None when there is room for all of them."""
        known = set(self._arms)
        for label in labels:
            known.add((label.model, label.version))
            if len(known) > self._max_arms:
                return label.model
        return None

    def count(self, labels: Sequence[Label]) -> list[bool]:
        """Count each label once; False for those whose prediction was counted before."""
        with self._lock:
            return [self._count(label) for label in labels]

    def _count(self, label: Label) -> bool:
        arm = (label.model, label.version)
        self._arms.add(arm)
        if label.prediction and not self._is_new((*arm, label.prediction)):
            self._repeated.labels(*arm).inc()
            return False
        self._repeated.labels(*arm)
        ages = self._ages.labels(*arm)
        self._labelled.labels(*arm).inc()
        self._correct.labels(*arm).inc(label.is_correct)
        if label.profit is not None:
            self._profits.labels(*arm).inc()
            self._sum.labels(*arm).inc(label.profit)
            self._squares.labels(*arm).inc(label.profit**2)
        if label.age_seconds is not None:
            ages.observe(label.age_seconds)
        return True

    def _is_new(self, prediction: tuple[str, str, str]) -> bool:
        """Remember it; the oldest is forgotten when there are too many."""
        if prediction in self._ids:
            return False
        self._ids[prediction] = None
        if len(self._ids) > self._remembered:
            del self._ids[next(iter(self._ids))]
        return True


OUTCOMES = Outcomes(REGISTRY)
