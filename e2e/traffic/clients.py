"""Seeded client traffic: an open loop, so that a slow model does not slow the clients down.

The program runs in a thread of its own and counts what clients see: which arm answered, how fast, with which code.
It can be asked at any time; a request that failed is a request that a person would have complained about.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections import deque
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Protocol

import aiohttp
from rolloutmodels.climates import ALWAYS_USUAL, Climate, Scenario

from e2e.traffic import garbage, protocol
from e2e.traffic.client import TIMEOUT, TIMEOUT_SECONDS, Client, Reply
from e2e.traffic.labels import SECONDS_AT_THE_END, Labelling, Teller
from e2e.traffic.questions import Question, Questions
from e2e.traffic.records import NO_ANSWER, Answer, Outcome, Seen
from e2e.traffic.turns import Arrivals, Turn, turns

KEPT_ANSWERS = 200_000
KEPT_OUTCOMES = 200_000
LONGEST_NAP_SECONDS = 0.2
FAULTY = "faulty"


class Watcher(Protocol):
    """Hears of everything as it happens, in the thread of the traffic: it must be quick."""

    def answered(self, answer: Answer) -> None: ...

    def told(self, outcome: Outcome) -> None: ...


@dataclass
class Traffic:
    """Requests for one model, from `start` (or `with`) until `stop`, at most `longest_seconds`.

    Each asks about `windows` fresh windows of the market, in the climate of the `scenario` at its time. So many
    `clients` take part, of whom a share `sticky` (0-1) stays with the arm that answered it first; a share `garbage`
    (0-1) of the requests is nonsense from one faulty client more. The same seed gives the same requests in the same
    order.

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
    windows: int = 1
    scenario: Scenario = ALWAYS_USUAL
    clients: int = 1
    sticky: float = 0.0
    garbage: float = 0.0
    arrivals: Arrivals = Arrivals.STEADY
    watchers: tuple[Watcher, ...] = ()

    def __post_init__(self) -> None:
        self.teller = Teller(self.url, self.labelling, self._note_outcome) if self.labelling else None
        self._questions = Questions(self.seed, self.windows)
        self._nonsense = itertools.cycle(garbage.bodies().values())
        self._answers: deque[Answer] = deque(maxlen=KEPT_ANSWERS)
        self._outcomes: deque[Outcome] = deque(maxlen=KEPT_OUTCOMES)
        self._ruling: Climate | None = None
        self._begun: float | None = None
        self.sent = 0
        """Requests so far."""
        self._stopping = threading.Event()
        self._crash: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name="traffic")

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
        """Send no more, wait for the answers that are under way, and tell what is left to be told.

        Raises what ended the traffic before its time, if anything did.
        """
        self._stopping.set()
        self._thread.join(TIMEOUT_SECONDS + SECONDS_AT_THE_END + 5)
        if self._crash:
            raise self._crash

    def wait(self, seconds: float) -> bool:
        """Wait so long at most for the end; True when everything has been sent, answered and told."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def rule(self, climate: Climate) -> None:
        """From now on the market has this climate, whatever the scenario says."""
        self._questions.prepare(climate)
        self._ruling = climate

    @property
    def climate(self) -> Climate:
        """That of the market now."""
        return self._climate(self._seconds)

    def seen(self, since: float = 0.0, until: float = float("inf")) -> Seen:
        """Answers to requests sent in this stretch of time (Unix seconds)."""
        return Seen(tuple(answer for answer in list(self._answers) if since <= answer.at < until))

    def newest(self, seconds: float) -> Seen:
        """Answers to requests of the last `seconds`."""
        since = time.time() - seconds
        newest_first = reversed(list(self._answers))
        # Answers are kept in the order in which they came: those before the first old one were asked for earlier still.
        recent = itertools.takewhile(lambda answer: answer.at + answer.seconds >= since, newest_first)
        return Seen(tuple(answer for answer in recent if answer.at >= since)[::-1])

    def outcomes(self, since: float = 0.0) -> tuple[Outcome, ...]:
        """What has been told since then (Unix seconds), oldest first; the last 200,000 are kept."""
        newest_first = reversed(list(self._outcomes))
        return tuple(itertools.takewhile(lambda outcome: outcome.told_at >= since, newest_first))[::-1]

    # -- in the thread of the traffic

    def _run(self) -> None:
        try:
            asyncio.run(self._send_all())
        except Exception as error:  # whoever stops the traffic hears of it
            self._crash = error

    async def _send_all(self) -> None:
        for _, climate in self.scenario.phases:
            self._questions.prepare(climate)
        async with AsyncExitStack() as sessions:
            sessions.callback(self._questions.close)
            clients = [await sessions.enter_async_context(client) for client in self._clients()]
            labels = await sessions.enter_async_context(aiohttp.ClientSession(timeout=TIMEOUT))
            ended = asyncio.Event()
            telling = asyncio.create_task(self.teller.tell(labels, ended)) if self.teller else None
            await self._take_turns(clients)
            ended.set()
            if telling:
                await telling

    def _clients(self) -> Iterator[Client]:
        """Those with sense, evenly mixed of such that stay and such that do not, then the faulty one."""
        for number in range(self.clients):
            stays = int((number + 1) * self.sticky + 0.5) > int(number * self.sticky + 0.5)
            yield Client(f"client-{number + 1}", self.url, self.headers, stays)
        yield Client(FAULTY, self.url, self.headers)

    async def _take_turns(self, clients: list[Client]) -> None:
        models, under_way = (self.model, *self.more_models), set[asyncio.Task[None]]()
        self._begun = begun = time.monotonic()
        async with asyncio.TaskGroup() as requests:
            for turn in turns(self.seed, self.per_second, models, self.clients, self.garbage, self.arrivals):
                if not await self._wait_until(begun + turn.at):
                    break
                task = requests.create_task(await self._task(turn, clients))
                self.sent += 1
                under_way.add(task)
                task.add_done_callback(under_way.discard)
                if self.most_at_once and len(under_way) >= self.most_at_once:
                    await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                    begun = max(begun, time.monotonic() - turn.at)  # what was not sent meanwhile is not made up for

    async def _wait_until(self, due: float) -> bool:
        """False when nothing more is to be sent; what is due before the end is sent, however late it has become."""
        while not self._stopping.is_set() and due - (self._begun or 0.0) < self.longest_seconds:
            left = due - time.monotonic()
            await asyncio.sleep(min(max(left, 0.0), LONGEST_NAP_SECONDS))
            if left <= LONGEST_NAP_SECONDS:
                return True
        return False

    async def _task(self, turn: Turn, clients: list[Client]) -> Coroutine[None, None, None]:
        """What is to be sent; here, and not while it is sent, so that questions keep their order."""
        climate = self._climate(turn.at)
        if turn.client is None:
            return self._babble(clients[-1], turn.model, next(self._nonsense), climate)
        return self._ask(clients[turn.client], turn.model, await self._questions.next(climate))

    async def _ask(self, client: Client, model: str, question: Question) -> None:
        reply = await client.ask(model, question.body)
        if reply.code == protocol.OK and self.teller:
            try:
                predicted = protocol.predictions(reply.text, len(question))
            except ValueError:
                reply = replace(reply, code=NO_ANSWER)  # none that anybody understands
            else:
                self.teller.note(reply.route, reply.at, predicted, question)
        self._note(client, reply, question.climate)

    async def _babble(self, client: Client, model: str, nonsense: bytes, climate: Climate) -> None:
        self._note(client, await client.ask(model, nonsense), climate.name, is_garbage=True)

    def _note(self, client: Client, reply: Reply, climate: str, is_garbage: bool = False) -> None:
        arm, version = protocol.arm_and_version(reply.route)
        self._note_answer(
            Answer(reply.at, arm, reply.code, reply.seconds, version, client.name, climate, reply.is_sticky, is_garbage)
        )

    def _note_answer(self, answer: Answer) -> None:
        self._answers.append(answer)
        for watcher in self.watchers:
            watcher.answered(answer)

    def _note_outcome(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        for watcher in self.watchers:
            watcher.told(outcome)

    def _climate(self, seconds: float) -> Climate:
        return self._ruling or self.scenario.at(seconds)

    @property
    def _seconds(self) -> float:
        """Since the first request."""
        return time.monotonic() - self._begun if self._begun is not None else 0.0
