"""Steady, seeded client traffic: an open loop, so that a slow model does not slow the clients down.

The program runs in a thread of its own and counts what clients see: which arm answered, how fast, with which code.
It can be asked at any time; a request that failed is a request that a person would have complained about.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from types import TracebackType

import aiohttp
from rolloutmodels import market

from e2e.traffic.labels import SECONDS_AT_THE_END, Labelling, Teller
from e2e.traffic.records import NO_ANSWER, Answer, Seen

DIFFERENT_REQUESTS = 128
TIMEOUT_SECONDS = 30.0
KEPT_ANSWERS = 50_000


@dataclass
class Traffic:
    """Requests for one model at a steady rate, from `start` (or `with`) until `stop`, at most `longest_seconds`.

    With `more_models` the models take turns, and the rate is that of all of them together.
    With `most_at_once` clients wait while so many requests are under way: a machine that cannot keep up is then not
    buried under requests, but its clients no longer show how slow it would have become.
    With `labelling`, clients also tell what became of the predictions they got.
    """

    url: str
    model: str
    per_second: float = 100.0
    seed: int = 7
    longest_seconds: float = 900.0
    headers: dict[str, str] = field(default_factory=dict)
    labelling: Labelling | None = None
    more_models: tuple[str, ...] = ()
    most_at_once: int | None = None

    def __post_init__(self) -> None:
        self.teller = Teller(self.url, self.labelling) if self.labelling else None
        self._answers: deque[Answer] = deque(maxlen=KEPT_ANSWERS)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._send_all()), daemon=True, name="traffic")

    def __enter__(self) -> Traffic:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Traffic:
        """Begin to send."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Send no more, wait for the answers that are under way, and tell what is left to be told."""
        self._stopping.set()
        self._thread.join(TIMEOUT_SECONDS + SECONDS_AT_THE_END + 5)

    def seen(self, since: float = 0.0, until: float = float("inf")) -> Seen:
        """Answers to requests sent in this stretch of time (Unix seconds)."""
        return Seen(tuple(answer for answer in list(self._answers) if since <= answer.at < until))

    def newest(self, seconds: float) -> Seen:
        """Answers to requests of the last `seconds`."""
        return self.seen(since=time.time() - seconds)

    async def _send_all(self) -> None:
        rng, bodies = random.Random(self.seed), _bodies(self.seed)
        models = itertools.cycle((self.model, *self.more_models))
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        connector = aiohttp.TCPConnector(limit=0)
        first, under_way = time.monotonic(), set[asyncio.Task[None]]()
        begun, sent = first, 0
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            ended = asyncio.Event()
            telling = asyncio.create_task(self.teller.tell(session, ended)) if self.teller else None
            while not self._stopping.is_set() and time.monotonic() - first < self.longest_seconds:
                task = asyncio.create_task(self._send(session, next(models), rng.choice(bodies)))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
                sent += 1
                await asyncio.sleep(max(0.0, begun + sent / self.per_second - time.monotonic()))
                if self.most_at_once and len(under_way) >= self.most_at_once:
                    await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                    begun, sent = time.monotonic(), 0  # what was not sent meanwhile is not made up for
            await asyncio.gather(*under_way)
            ended.set()
            if telling:
                await telling

    async def _send(self, session: aiohttp.ClientSession, model: str, body: bytes) -> None:
        at, begun = time.time(), time.perf_counter()
        arm, code = "", NO_ANSWER
        headers = {"Content-Type": "application/json", **self.headers}
        try:
            async with session.post(f"{self.url}/v2/models/{model}/infer", data=body, headers=headers) as answer:
                text = await answer.read()
                route, code = answer.headers.get("x-seldon-route", "").strip(":"), answer.status
                arm = route.rpartition("_")[0]  # of a route such as `:enhanced_3:`
                if self.teller and code == 200:
                    self.teller.note(route, _prediction(text))
        except (aiohttp.ClientError, TimeoutError, OSError):
            pass  # counted as an answer without a code
        self._answers.append(Answer(at, arm, code, time.perf_counter() - begun))


def _prediction(answer: bytes) -> int:
    """The class that a model finds likelier."""
    return int(json.loads(answer)["outputs"][0]["data"][0] > 0.5)


def _bodies(seed: int) -> list[bytes]:
    """Requests as clients of the V2 protocol send them, from the seeded market."""
    windows = market.sample(market.law(), seed, DIFFERENT_REQUESTS).features
    return [
        json.dumps(
            {
                "inputs": [
                    {
                        "name": "input_data",
                        "datatype": "FP32",
                        "shape": [1, *window.shape],
                        "data": [round(float(x), 4) for x in window.ravel()],
                    }
                ]
            }
        ).encode()
        for window in windows
    ]
