"""One client of the V2 protocol: its connections, and the arm it stays with."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType

import aiohttp
from yarl import URL

from e2e.traffic import protocol
from e2e.traffic.records import NO_ANSWER

TIMEOUT_SECONDS = 30.0
TIMEOUT = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
KEEP_ALIVE_SECONDS = 4.0  # MLServer hangs up after 5: who asks just then gets no answer


@dataclass(frozen=True)
class Reply:
    """What came back for a request sent at `at` (Unix seconds). `route` is who answered, such as `enhanced_3`."""

    at: float
    code: int
    seconds: float
    route: str
    text: bytes
    is_sticky: bool


class Client:
    """Asks models in a session of its own. One that `stays` sends back the route that it was given first.

    When nobody is at that route any more it forgets it, as who reads the answer 404 would, and is given another.
    """

    def __init__(self, name: str, url: str, headers: Mapping[str, str], stays: bool = False) -> None:
        self.name = name
        self._url, self._stays, self._route = url, stays, ""
        self._headers = {"Content-Type": "application/json", **headers}
        self._addresses: dict[str, URL] = {}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS),
            timeout=TIMEOUT,
        )

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def ask(self, model: str, body: bytes) -> Reply:
        """The reply; one without a code when there was no answer."""
        known = self._route
        headers = {**self._headers, protocol.ROUTE_HEADER: known} if known else self._headers
        at, begun = time.time(), time.perf_counter()
        code, route, text = NO_ANSWER, "", b""
        try:
            async with self._session.post(self._address(model), data=body, headers=headers) as answer:
                text = await answer.read()
                code, route = answer.status, protocol.route(answer.headers)
                self._remember(known, code, answer.headers.get(protocol.ROUTE_HEADER, ""))
        except (aiohttp.ClientError, TimeoutError, OSError):
            pass  # counted as an answer without a code
        return Reply(at, code, time.perf_counter() - begun, route, text, bool(known))

    def _remember(self, sent: str, code: int, given: str) -> None:
        """Answers may overtake each other: one to an older route says nothing about the one that is known now."""
        if sent and sent == self._route and code == protocol.NOT_FOUND:
            self._route = ""
        elif self._stays and not sent and not self._route:
            self._route = given

    def _address(self, model: str) -> URL:
        if model not in self._addresses:
            self._addresses[model] = URL(f"{self._url}/v2/models/{model}/infer")
        return self._addresses[model]
