"""Labels on their way: kept until they are due, then told to the feedback model in batches, each counted once.

Clients keep their own count of what they have told, to be compared with what Prometheus has of it.
"""

from __future__ import annotations

import asyncio
import heapq
import random
import time
import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from e2e.traffic import protocol
from e2e.traffic.fates import Fates, Label, Labelling, Quality
from e2e.traffic.questions import Question
from e2e.traffic.records import NO_ANSWER, Outcome

__all__ = ["Labelling", "Quality", "Teller", "Truth"]

SECONDS_BETWEEN_BATCHES = 0.2
SECONDS_BEFORE_ANOTHER_TRY = 0.5
SECONDS_AT_THE_END = 20.0
LARGEST_BATCH = 200
MOST_WAITING = 500_000  # labels; those for which there is no room are given up
KEPT_REFUSALS = 100


@dataclass
class Truth:
    """What clients have told of one arm and know to have arrived."""

    labelled: int = 0
    correct: int = 0
    profit_sum: float = 0.0
    profit_sum_of_squares: float = 0.0

    def add(self, label: Label) -> None:
        """One more of which is known that it arrived."""
        self.labelled += 1
        self.correct += label.predicted == label.actual
        self.profit_sum += label.profit
        self.profit_sum_of_squares += label.profit**2


class Teller:
    """Tells the feedback model what became of predictions. For one event loop; others may read what it counts.

    `on_outcome` hears of each label that has arrived.
    """

    def __init__(self, url: str, labelling: Labelling, on_outcome: Callable[[Outcome], None]) -> None:
        self.truth: dict[str, Truth] = defaultdict(Truth, {arm: Truth() for arm in labelling.arms})
        self.refused: list[str] = []
        """What the feedback model answered to labels that it refused; the first hundred."""
        self.given_up = 0
        """Labels of which nobody knows whether they arrived."""
        self._address = f"{url}/v2/models/{labelling.feedback_model}/infer" if labelling.feedback_model else ""
        self._labelling, self._on_outcome = labelling, on_outcome
        self._fates = Fates(labelling)
        self._batches = random.Random(labelling.seed)
        self._run = uuid.uuid4().hex[:12]
        self._labels = 0
        self._waiting: list[tuple[float, int, Label]] = []
        """When each is due (seconds of the event loop), and its number, by which it is known from now on."""

    def note(self, route: str, at: float, predicted: list[int], question: Question) -> None:
        """An arm has answered this to what was asked at that time (Unix seconds)."""
        now = asyncio.get_running_loop().time()
        for label in self._fates.labels(route, at, predicted, question):
            self._labels += 1
            if len(self._waiting) < MOST_WAITING:
                heapq.heappush(self._waiting, (now + label.delay, self._labels, label))
            else:
                self.given_up += 1

    async def tell(self, session: aiohttp.ClientSession, ended: asyncio.Event) -> None:
        """Tell what is due; when it has ended, tell at once what is left, for clients are about to go."""
        clock = asyncio.get_running_loop().time
        while not ended.is_set():
            await asyncio.sleep(SECONDS_BETWEEN_BATCHES)
            await self._tell_until(session, clock())
        deadline = clock() + SECONDS_AT_THE_END
        while self._waiting and clock() < deadline:
            await self._tell_until(session, float("inf"))
            await asyncio.sleep(SECONDS_BEFORE_ANOTHER_TRY if self._waiting else 0)
        self.given_up += len(self._waiting)

    async def _tell_until(self, session: aiohttp.ClientSession, now: float) -> None:
        again: list[tuple[int, Label]] = []
        while batch := self._due(now):
            code = await self._send(session, batch)
            if code == protocol.OK and self._batches.random() < self._labelling.repeated:
                await self._send(session, batch)
            if code == protocol.OK:
                self._count(batch)
            elif code != protocol.REFUSED:
                again += batch
        later = asyncio.get_running_loop().time() + SECONDS_BEFORE_ANOTHER_TRY
        for number, label in again:  # under the same id, for nobody knows whether it was counted
            heapq.heappush(self._waiting, (later, number, label))

    def _due(self, now: float) -> list[tuple[int, Label]]:
        batch: list[tuple[int, Label]] = []
        while self._waiting and self._waiting[0][0] <= now and len(batch) < LARGEST_BATCH:
            _, number, label = heapq.heappop(self._waiting)
            batch.append((number, label))
        return batch

    def _count(self, batch: list[tuple[int, Label]]) -> None:
        now = time.time()
        for _, label in batch:
            self.truth[label.key].add(label)
            arm, version = protocol.arm_and_version(label.route)
            is_correct = label.predicted == label.actual
            self._on_outcome(Outcome(label.predicted_at, now, arm, version, label.regime, is_correct, label.profit))

    async def _send(self, session: aiohttp.ClientSession, batch: list[tuple[int, Label]]) -> int:
        """The code of the answer, or 0 when there was none."""
        if not self._address:
            return protocol.OK
        body, headers = self._request(batch), {"Content-Type": "application/json"}
        try:
            async with session.post(self._address, data=body, headers=headers) as answer:
                text = await answer.text()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return NO_ANSWER
        if answer.status == protocol.REFUSED and len(self.refused) < KEPT_REFUSALS:
            self.refused.append(text)
        return answer.status

    def _request(self, batch: list[tuple[int, Label]]) -> bytes:
        now = time.time()
        columns: list[tuple[str, str, list[Any]]] = [
            ("model", "BYTES", [label.route for _, label in batch]),
            ("predicted", "INT64", [label.predicted for _, label in batch]),
            ("actual", "INT64", [label.actual for _, label in batch]),
            ("profit", "FP64", [label.profit for _, label in batch]),
            ("prediction_id", "BYTES", [f"{self._run}-{number}" for number, _ in batch]),
            ("age_seconds", "FP64", [max(0.0, now - label.predicted_at) for _, label in batch]),
        ]
        return protocol.encode(
            [
                {"name": name, "datatype": datatype, "shape": [len(data)], "data": data}
                for name, datatype, data in columns
            ]
        )
