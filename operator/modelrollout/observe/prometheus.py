"""One query over HTTP, at one time or at many: PromQL in, samples out, every failure one sentence.

The only module that speaks through prometheus-api-client. The client is synchronous, waits for ever by default and
raises the errors of four libraries; so it runs in a bounded pool of threads behind a deadline, and `failures` turns
what it raises into errors of ours.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import requests
import urllib3
from prometheus_api_client.prometheus_connect import PrometheusConnect
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth

from modelrollout import errors, telemetry
from modelrollout.observe import failures

# At most this many queries of one Prometheus are under way: a slow one must not take the threads of the others.
QUERIES_AT_ONCE = 4
# 200 rollouts with 20 bucket edges each answer in about 1 MB; beyond this it is no answer to a question of ours.
MOST_BYTES = 64 * 1024 * 1024
# Prometheus refuses a range of more points.
MOST_POINTS = 11_000

T = TypeVar("T")


@dataclass(frozen=True)
class Connection:
    """Where Prometheus is and who we are to it. Credentials stay out of `repr`, and so out of logs."""

    address: str
    bearer_token: str | None = field(default=None, repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_pem: str | None = None
    """The only certificates to trust, in PEM. None: the usual public ones."""
    insecure: bool = False
    """Take any certificate: for a test bench only."""
    timeout_seconds: float = 10.0

    @property
    def shown(self) -> str:
        """The address for people: without a user or password that somebody wrote into it."""
        try:
            parts = urlsplit(self.address)
            return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        except ValueError:
            return self.address


@dataclass(frozen=True)
class Sample:
    """One series of an instant vector. The value may be NaN or infinite: what that means is the reader's business."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Grid:
    """Evaluation times: `since`, and every `step_seconds` later up to `until`. Unix seconds."""

    since: float
    until: float
    step_seconds: float

    def __post_init__(self) -> None:
        if not (self.step_seconds > 0 and 0 <= self.until - self.since <= (MOST_POINTS - 1) * self.step_seconds):
            raise ValueError(f"a grid must have 1 to {MOST_POINTS} times: {self}")

    @property
    def points(self) -> int:
        """How many times it has."""
        return int((self.until - self.since) / self.step_seconds + 1e-6) + 1

    def place(self, at: float) -> int:
        """Which of its times `at` is, from 0; raises ValueError when it is none of them."""
        place = round((at - self.since) / self.step_seconds)
        if not 0 <= place < self.points:
            raise ValueError(f"{at} is no time of {self}")
        return place


@dataclass(frozen=True)
class Row:
    """One series over a grid: its value by the time's place; places without a sample are absent."""

    labels: Mapping[str, str]
    values: Mapping[int, float]


class PrometheusClient:
    """Queries to one Prometheus, safe to call from many tasks of one event loop."""

    def __init__(self, connection: Connection, executor: Executor) -> None:
        """Threads come from `executor`, which is shared and stays the caller's to shut down."""
        self._connection = connection
        self._executor = executor
        self._slots = asyncio.Semaphore(QUERIES_AT_ONCE)
        self._library: PrometheusConnect | None = None

    async def query(self, promql: str, at: float) -> list[Sample]:
        """What `promql` gives at the Unix time `at` in seconds; a scalar comes back as one sample without labels.

        Raises a MetricsError, at the latest when the connection's time-out has passed.
        """
        return await self._in_time(lambda library: self._ask(library, promql, at))

    async def query_range(self, promql: str, grid: Grid) -> list[Row]:
        """What `promql` gives at every time of `grid`; raises as `query` does."""
        return await self._in_time(lambda library: self._ask_range(library, promql, grid))

    async def _in_time(self, ask: Callable[[PrometheusConnect], T]) -> T:
        try:
            with telemetry.QUERY_SECONDS.time():
                async with asyncio.timeout(self._connection.timeout_seconds):
                    return await self._in_thread(ask)
        except TimeoutError as error:
            telemetry.QUERY_FAILURES.labels(errors.MetricsUnavailable.__name__).inc()
            raise failures.too_slow(self._connection.shown, self._connection.timeout_seconds) from error
        except errors.MetricsError as error:
            telemetry.QUERY_FAILURES.labels(type(error).__name__).inc()
            raise

    async def _in_thread(self, ask: Callable[[PrometheusConnect], T]) -> T:
        library = self._ready()
        await self._slots.acquire()
        try:
            work: Future[T] = self._executor.submit(ask, library)
        except BaseException:
            self._slots.release()
            raise
        answer = asyncio.wrap_future(work)
        answer.add_done_callback(self._free_slot)
        # Shielded: a deadline cannot stop the thread, and its slot is free only when the thread is.
        return await asyncio.shield(answer)

    def _free_slot(self, answer: asyncio.Future[Any]) -> None:
        self._slots.release()
        if not answer.cancelled():
            answer.exception()  # Nobody may be waiting any more; asyncio would complain that nobody asked.

    def _ask(self, library: PrometheusConnect, promql: str, at: float) -> list[Sample]:
        params = {"time": f"{at:.3f}", "timeout": f"{self._connection.timeout_seconds:g}s"}
        with self._translation():
            return _samples(library.custom_query(promql, params=params))

    def _ask_range(self, library: PrometheusConnect, promql: str, grid: Grid) -> list[Row]:
        # The library rounds times to seconds; in params they replace its own.
        since, until = (datetime.fromtimestamp(at, UTC) for at in (grid.since, grid.until))
        params = {
            "start": f"{grid.since:.3f}",
            "end": f"{grid.until:.3f}",
            "timeout": f"{self._connection.timeout_seconds:g}s",
        }
        with self._translation():
            step = f"{grid.step_seconds:.3f}"
            return _rows(library.custom_query_range(promql, since, until, step, params=params), grid)

    def _ready(self) -> PrometheusConnect:
        if self._library is None:
            with self._translation():
                self._library = _library(self._connection)
        return self._library

    @contextmanager
    def _translation(self) -> Iterator[None]:
        try:
            yield
        except failures.FOREIGN as error:
            raise failures.translated(error, self._connection.shown, self._connection.timeout_seconds) from error

    def close(self) -> None:
        """Close idle connections. Queries under way end by themselves."""
        if self._library is not None:
            self._library.close()


# --- how the library is held ------------------------------------------------------------------------------------------


def _library(connection: Connection) -> PrometheusConnect:
    _check(connection)
    session = requests.Session()
    session.verify = not connection.insecure
    session.hooks["response"].append(_inspect)
    retry = urllib3.Retry(total=0)  # The next look is the retry; the library's own would hold a thread for a minute.
    url = connection.address.rstrip("/")
    library = PrometheusConnect(
        url=url, session=session, timeout=connection.timeout_seconds, retry=retry, auth=_auth(connection)
    )
    # After the library's own, which has no place for a CA and pools more connections than we use.
    session.mount(url, _Adapter(connection, retry))
    return library


def _check(connection: Connection) -> None:
    """What the library would notice late and name badly."""
    token = (connection.bearer_token or "").strip()
    if not (token.isascii() and token.isprintable()):
        raise requests.exceptions.InvalidHeader
    try:
        urlsplit(connection.address)
    except ValueError as error:
        raise requests.exceptions.InvalidURL from error


def _auth(connection: Connection) -> AuthBase | None:
    if connection.bearer_token is not None:
        return _Bearer(connection.bearer_token.strip())
    if connection.username is not None:
        return HTTPBasicAuth(connection.username.encode(), (connection.password or "").encode())
    return None


class _Bearer(AuthBase):
    """As `auth`, not as a plain header: requests lets a ~/.netrc entry replace a plain Authorization header."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _Adapter(HTTPAdapter):
    """Trusts exactly the given CA, without a file on a disk that may be read-only."""

    def __init__(self, connection: Connection, retry: urllib3.Retry) -> None:
        self._trust = None
        if connection.ca_pem is not None and not connection.insecure:
            self._trust = ssl.create_default_context(cadata=connection.ca_pem)
        super().__init__(max_retries=retry, pool_connections=1, pool_maxsize=QUERIES_AT_ONCE)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        if self._trust is not None:
            kwargs["ssl_context"] = self._trust
        super().init_poolmanager(*args, **kwargs)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        if self._trust is None:  # Otherwise requests would add the public certificates to ours.
            super().cert_verify(conn, url, verify, cert)


def _inspect(response: requests.Response, *_: object, **__: object) -> None:
    """Bound the body, and stop at an answer that is no result while its status is still at hand."""
    response.raw = _BoundedBody(response.raw)
    content_type = response.headers.get("Content-Type", "")
    if not response.is_redirect and (response.status_code != 200 or "html" in content_type):
        body = response.content
        raise failures.NotTheApiError(response.status_code, content_type, body)


class _BoundedBody:
    """A body that ends in time and fits into memory; socket time-outs alone let a server drip one byte at a time."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._started = time.monotonic()

    def stream(self, amount: int, decode_content: bool) -> Iterator[bytes]:
        size = 0
        while piece := self._raw.read1(amount, decode_content=decode_content):
            size += len(piece)
            if size > MOST_BYTES or time.monotonic() - self._started > 60:
                self._raw.close()
                raise failures.EndlessAnswerError
            yield piece

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)


# --- answers ----------------------------------------------------------------------------------------------------------


def _samples(result: Any) -> list[Sample]:
    """Raises ValueError, KeyError or TypeError for what no instant query of ours can give."""
    if len(result) == 2 and not isinstance(result[0], dict):
        return [Sample({}, _number(result[1]))]
    return [Sample(series["metric"], _value(series)) for series in result]


def _rows(result: Any, grid: Grid) -> list[Row]:
    """Raises as `_samples` does."""
    return [
        Row(series["metric"], {grid.place(float(at)): _number(value) for at, value in series["values"]})
        for series in result
    ]


def _value(series: Mapping[str, Any]) -> float:
    if "values" in series:
        raise failures.NotAVectorError("it gives a range of values; an instant vector or a number is needed")
    if "value" not in series:
        raise failures.NotAVectorError(
            "it gives a native histogram; a number is needed, for example histogram_quantile(...)"
        )
    return _number(series["value"][1])


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise failures.NotAVectorError("it gives text; a number is needed") from error
