"""What clients know: answers that they saw, and what became of the predictions in them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

NO_ANSWER = 0  # the code of a request that got no answer at all


@dataclass(frozen=True, slots=True)
class Answer:
    """What one client saw. `at` is when it asked (Unix seconds); `arm` is empty when nobody said who answered."""

    at: float
    arm: str
    code: int
    seconds: float
    version: str = ""
    """Of the model that answered, as Seldon counts them."""
    client: str = ""
    climate: str = ""
    """Of the market when it was asked."""
    is_sticky: bool = False
    """The client asked to be answered by the arm that it knows."""
    is_garbage: bool = False
    """The client sent nonsense on purpose, and expects to be refused."""

    @property
    def is_ok(self) -> bool:
        """True for an answer that a client can use."""
        return 200 <= self.code < 300

    @property
    def is_refused(self) -> bool:
        """True for the answer that nonsense deserves."""
        return 400 <= self.code < 500


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one prediction whose label has arrived. Times are Unix seconds."""

    predicted_at: float
    told_at: float
    arm: str
    version: str
    regime: str
    """That ruled the asset after the prediction; empty when the label was not the market's."""
    is_correct: bool
    profit: float


@dataclass(frozen=True)
class Seen:
    """Answers of some stretch of time."""

    answers: tuple[Answer, ...]

    @property
    def failed(self) -> list[Answer]:
        """Requests that a client would complain about."""
        return [answer for answer in self.answers if not answer.is_ok and not answer.is_garbage]

    @property
    def swallowed(self) -> list[Answer]:
        """Nonsense that was not refused."""
        return [answer for answer in self.answers if answer.is_garbage and not answer.is_refused]

    @property
    def arms(self) -> Counter[str]:
        """Requests that each arm answered."""
        return Counter(answer.arm for answer in self.answers if answer.arm)

    def share(self, arm: str) -> float:
        """Percent of the answered requests that this arm answered."""
        total = self.arms.total()
        return 100 * self.arms[arm] / total if total else 0.0

    def quantile_ms(self, arm: str, quantile: float) -> float | None:
        """Latency quantile of this arm in ms; None without answers."""
        waits = sorted(answer.seconds for answer in self.answers if answer.arm == arm and not answer.is_garbage)
        return 1000 * waits[min(len(waits) - 1, int(quantile * len(waits)))] if waits else None
