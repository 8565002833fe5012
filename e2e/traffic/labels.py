"""What becomes of predictions: a truth for each, drawn so that each arm is as good as it is set to be, told later.

Clients keep their own count of what they have told, to be compared with what Prometheus has of it.
"""

from __future__ import annotations

import asyncio
import heapq
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp

SECONDS_BETWEEN_BATCHES = 0.2
SECONDS_BEFORE_ANOTHER_TRY = 0.5
SECONDS_AT_THE_END = 20.0
LARGEST_BATCH = 200


@dataclass(frozen=True)
class Quality:
    """How good an arm is: the share of its predictions that come true (0-1), and the profit of one."""

    accuracy: float = 0.9
    profit_mean: float = 0.0
    profit_sd: float = 1.0


@dataclass(frozen=True)
class Labelling:
    """How labels come: to which feedback model, about which arms, and how late.

    An arm is named as a model, or as one version of it (`enhanced_2`), which then goes before the model's name.
    The delay of each is drawn evenly from `delay_seconds` to `delay_seconds + spread_seconds`. Of a share `lost` the
    truth never becomes known, and a share `repeated` of the batches is sent twice. A `seed` gives the n-th prediction
    of an arm the same fate in every run, whatever the arm is called.
    """

    feedback_model: str
    arms: Mapping[str, Quality]
    delay_seconds: float = 0.3
    spread_seconds: float = 0.4
    lost: float = 0.0
    repeated: float = 0.0
    seed: int = 11


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


@dataclass(frozen=True, order=True)
class Label:
    """What became of one prediction, and when it becomes known (seconds of the event loop)."""

    due: float
    id: str
    arm: str = field(compare=False)
    internal_name: str = field(compare=False)
    predicted: int = field(compare=False)
    actual: int = field(compare=False)
    profit: float = field(compare=False)


class Teller:
    """Tells the feedback model what became of predictions. For one event loop; others may read what it counts."""

    def __init__(self, url: str, labelling: Labelling) -> None:
        self.truth = {arm: Truth() for arm in labelling.arms}
        self.refused: list[str] = []
        """What the feedback model answered to labels that it refused."""
        self.given_up = 0
        """Labels of which nobody knows whether they arrived."""
        self._address = f"{url}/v2/models/{labelling.feedback_model}/infer"
        self._labelling = labelling
        self._fates = {arm: random.Random(f"{labelling.seed}/{place}") for place, arm in enumerate(labelling.arms)}
        self._batches = random.Random(labelling.seed)
        self._run = uuid.uuid4().hex[:12]
        self._predictions = 0
        self._waiting: list[Label] = []

    def note(self, internal_name: str, predicted: int) -> None:
        """An arm has answered this; arms without a set quality get no labels."""
        arm = internal_name if internal_name in self._fates else internal_name.rpartition("_")[0]
        if arm not in self._fates:
            return
        quality, fate = self._labelling.arms[arm], self._fates[arm]
        is_correct = fate.random() < quality.accuracy
        profit = fate.gauss(quality.profit_mean, quality.profit_sd)
        delay = self._labelling.delay_seconds + fate.random() * self._labelling.spread_seconds
        is_lost = fate.random() < self._labelling.lost
        self._predictions += 1
        if is_lost:
            return
        due = asyncio.get_running_loop().time() + delay
        actual = predicted if is_correct else 1 - predicted
        heapq.heappush(
            self._waiting, Label(due, f"{self._run}-{self._predictions}", arm, internal_name, predicted, actual, profit)
        )

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
        again: list[Label] = []
        while batch := self._due(now):
            code = await self._send(session, batch)
            if code == 200 and self._batches.random() < self._labelling.repeated:
                await self._send(session, batch)
            if code == 200:
                for label in batch:
                    self.truth[label.arm].add(label)
            elif code != 400:
                again += batch
        later = asyncio.get_running_loop().time() + SECONDS_BEFORE_ANOTHER_TRY
        for label in again:  # under the same id, for nobody knows whether it was counted
            heapq.heappush(self._waiting, replace(label, due=later))

    def _due(self, now: float) -> list[Label]:
        batch: list[Label] = []
        while self._waiting and self._waiting[0].due <= now and len(batch) < LARGEST_BATCH:
            batch.append(heapq.heappop(self._waiting))
        return batch

    async def _send(self, session: aiohttp.ClientSession, batch: list[Label]) -> int:
        """The code of the answer, or 0 when there was none."""
        try:
            async with session.post(self._address, json=_request(batch)) as answer:
                text = await answer.text()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0
        if answer.status == 400:
            self.refused.append(text)
        return answer.status


def _request(batch: list[Label]) -> dict[str, Any]:
    columns: list[tuple[str, str, list[Any]]] = [
        ("model", "BYTES", [label.internal_name for label in batch]),
        ("predicted", "INT64", [label.predicted for label in batch]),
        ("actual", "INT64", [label.actual for label in batch]),
        ("profit", "FP64", [label.profit for label in batch]),
        ("prediction_id", "BYTES", [label.id for label in batch]),
    ]
    return {
        "inputs": [
            {"name": name, "datatype": datatype, "shape": [len(data)], "data": data} for name, datatype, data in columns
        ]
    }
