"""Whatever answers, or does not: one error of ours with one sentence. All servers are real sockets."""

from __future__ import annotations

import asyncio
import datetime
import json
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from types import ModuleType

import prometheus_api_client.exceptions
import pytest
import requests
import urllib3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from modelrollout import errors
from modelrollout.observe import failures, prometheus
from modelrollout.observe.prometheus import Connection, Grid, PrometheusClient, Row, Sample

Answer = Callable[[BaseHTTPRequestHandler], None]
ONE = {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {"a": "b"}, "value": [1, "2.5"]}]}}


def says(status: int, content_type: str, body: str | bytes, **headers: str) -> Answer:
    raw = body.encode() if isinstance(body, str) else body

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in {"Content-Type": content_type, "Content-Length": str(len(raw)), **headers}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(raw)

    return answer


def as_json(body: object, status: int = 200) -> Answer:
    return says(status, "application/json", json.dumps(body))


def refuses(status: int, kind: str, text: str) -> Answer:
    return as_json({"status": "error", "errorType": kind, "error": text}, status)


@contextmanager
def serving(answer: Answer, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass  # A client that hangs up is what some of these tests are about.

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
async def executor() -> AsyncIterator[ThreadPoolExecutor]:
    executor = ThreadPoolExecutor(8)
    yield executor
    executor.shutdown(wait=True)


async def query(connection: Connection, executor: ThreadPoolExecutor, promql: str = "up") -> list[Sample]:
    client = PrometheusClient(connection, executor)
    try:
        return await client.query(promql, 1_700_000_000.0)
    finally:
        client.close()


async def failure(connection: Connection, executor: ThreadPoolExecutor, promql: str = "up") -> errors.MetricsError:
    with pytest.raises(errors.MetricsError) as caught:
        await query(connection, executor, promql)
    return caught.value


ANSWERS: dict[str, tuple[Answer, type[errors.MetricsError], str]] = {
    "a token that is not accepted": (
        says(401, "text/plain", "Unauthorized"),
        errors.MetricsDenied,
        "Prometheus at {} refuses the credentials (HTTP 401): check the token or password.",
    ),
    "a token without the right": (
        says(403, "text/html", "<html>no</html>"),
        errors.MetricsDenied,
        "Prometheus at {} refuses the credentials (HTTP 403): check the token or password.",
    ),
    "a web page": (
        says(200, "text/html; charset=utf-8", "<html>Grafana</html>"),
        errors.MetricsMalformed,
        "Prometheus at {} answers HTML, not the Prometheus API: check the path.",
    ),
    "a web page that is missing": (
        says(404, "text/html", "<html>not here</html>"),
        errors.MetricsMalformed,
        "Prometheus at {} answers HTML, not the Prometheus API: check the path.",
    ),
    "a path that is missing": (
        says(404, "text/plain", "404 page not found"),
        errors.MetricsMalformed,
        "Prometheus at {} answers HTTP 404, not the Prometheus API: check the path.",
    ),
    "PromQL that does not parse": (
        refuses(400, "bad_data", 'invalid parameter "query": 1:5: parse error: unexpected end of input'),
        errors.QueryRefused,
        'Prometheus refuses the query: invalid parameter "query": 1:5: parse error: unexpected end of input',
    ),
    "a query that cannot be evaluated": (
        refuses(422, "execution", "found duplicate\n series"),
        errors.QueryRefused,
        "Prometheus refuses the query: found duplicate series",
    ),
    "a very long complaint": (
        refuses(400, "bad_data", "x" * 5000),
        errors.QueryRefused,
        "Prometheus refuses the query: " + "x" * 199 + "…",
    ),
    "a gateway's 400": (
        says(400, "text/plain", "bad"),
        errors.MetricsMalformed,
        "Prometheus at {} answers HTTP 400, not the Prometheus API: check the path.",
    ),
    "a gateway without Prometheus behind it": (
        says(502, "text/html", "<html>bad gateway</html>"),
        errors.MetricsUnavailable,
        "Prometheus at {} is in trouble (HTTP 502).",
    ),
    "a query that Prometheus gave up": (
        refuses(503, "timeout", "query timed out in expression evaluation"),
        errors.MetricsUnavailable,
        "Prometheus at {} is in trouble (HTTP 503): query timed out in expression evaluation",
    ),
    "no content": (
        says(204, "text/plain", ""),
        errors.MetricsMalformed,
        "Prometheus at {} answers HTTP 204, not the Prometheus API: check the path.",
    ),
    "what is not JSON": (
        says(200, "application/json", "{not json"),
        errors.MetricsMalformed,
        "Prometheus at {} answers something that is not JSON: check the address.",
    ),
    "JSON of something else": (
        as_json({"hello": "world"}),
        errors.MetricsMalformed,
        "Prometheus at {} answers JSON that is not the Prometheus API's: check the address.",
    ),
    "JSON that is a list": (
        as_json([1, 2]),
        errors.MetricsMalformed,
        "Prometheus at {} answers JSON that is not the Prometheus API's: check the address.",
    ),
    "a vector of nonsense": (
        as_json({"data": {"result": [{"metric": {}, "value": [1, "many"]}]}}),
        errors.QueryRefused,
        "The query cannot be used: it gives text; a number is needed.",
    ),
    "a redirect in a circle": (
        says(302, "text/plain", "", Location="/api/v1/query"),
        errors.MetricsMalformed,
        "Prometheus at {} redirects without end: check the address.",
    ),
    "fewer bytes than promised": (
        says(200, "application/json", "{", **{"Content-Length": "100"}),
        errors.MetricsMalformed,
        "Prometheus at {} began an answer that does not end or cannot be read.",
    ),
    "nothing but a closed door": (
        lambda request: request.connection.shutdown(socket.SHUT_RDWR),
        errors.MetricsUnavailable,
        "Prometheus at {} closed the connection without an answer.",
    ),
}


@pytest.mark.parametrize("case", ANSWERS)
async def test_each_answer_that_is_none_gives_its_own_sentence(case: str, executor: ThreadPoolExecutor) -> None:
    answer, kind, sentence = ANSWERS[case]

    with serving(answer) as address:
        error = await failure(Connection(address, timeout_seconds=60), executor)

    assert (type(error), str(error)) == (kind, sentence.format(address))


async def test_a_refused_connection_says_so(executor: ThreadPoolExecutor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"

    error = await failure(Connection(address), executor)

    assert type(error) is errors.MetricsUnavailable
    assert str(error) == f"Prometheus at {address} refuses the connection: is it running, on this port?"


async def test_a_server_that_hangs_is_given_up_in_time(executor: ThreadPoolExecutor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        error = await failure(Connection(address, timeout_seconds=0.3), executor)

    assert type(error) is errors.MetricsUnavailable
    assert str(error) == f"Prometheus at {address} did not answer within 0.3 s."


async def test_a_prometheus_that_hangs_leaves_threads_to_the_others(executor: ThreadPoolExecutor) -> None:
    with serving(as_json(ONE)) as healthy:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            address = f"http://127.0.0.1:{silent.getsockname()[1]}"
            slow = PrometheusClient(Connection(address, timeout_seconds=120), executor)
            stuck = [asyncio.create_task(slow.query("up", 1.0)) for _ in range(20)]
            await asyncio.sleep(0)  # they come first
            answer = await query(Connection(healthy, timeout_seconds=60), executor)
            still_stuck = [not one.done() for one in stuck]
        outcomes = await asyncio.gather(*stuck, return_exceptions=True)  # the door is shut in their faces

    assert answer == [Sample({"a": "b"}, 2.5)]
    assert all(still_stuck)
    assert {type(outcome) for outcome in outcomes} == {errors.MetricsUnavailable}


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("http://no-such-host.invalid:9090", "The host name of Prometheus at {} cannot be resolved."),
        ("ftp://127.0.0.1", "The address '{}' is not one that HTTP can reach."),
        ("prometheus:9090", "The address '{}' is not one that HTTP can reach."),
        ("http://", "The address '{}' is not one that HTTP can reach."),
        ("http://[::1", "The address '{}' is not one that HTTP can reach."),
        ("http://127.0.0.1:99999", "The address '{}' is not one that HTTP can reach."),
        ("http://" + "a" * 70 + ":9090", "The host name of Prometheus at {} cannot be resolved."),
    ],
)
async def test_an_address_that_leads_nowhere_is_named(
    address: str, sentence: str, executor: ThreadPoolExecutor
) -> None:
    error = await failure(Connection(address), executor)

    assert (type(error), str(error)) == (errors.MetricsUnavailable, sentence.format(address))


async def test_a_password_in_the_address_is_never_shown(executor: ThreadPoolExecutor) -> None:
    with serving(says(401, "text/plain", "")) as address:
        connection = Connection(address.replace("http://", "http://me:secret@"), bearer_token="hidden", password="x7")
        error = await failure(connection, executor)

    assert "secret" not in str(error)
    assert "hidden" not in repr(connection)
    assert "x7" not in repr(connection)


async def test_a_body_without_end_is_given_up(executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus, "MOST_BYTES", 100_000)

    def endless(request: BaseHTTPRequestHandler) -> None:
        says(200, "application/json", "[", **{"Content-Length": "1000000000"})(request)
        while True:
            request.wfile.write(b"0," * 10_000)

    with serving(endless) as address:
        error = await failure(Connection(address), executor)

    assert type(error) is errors.MetricsMalformed
    assert str(error) == f"Prometheus at {address} began an answer that does not end or cannot be read."


ROW = {"metric": {"a": "b"}, "values": [[100, "1"], [130, "2.5"]]}
RANGES: dict[str, tuple[object, type[errors.MetricsError] | None]] = {
    "a row": (ROW, None),
    "an instant": (ONE["data"]["result"][0], errors.MetricsMalformed),  # type: ignore[index]
    "a time that was not asked for": (ROW | {"values": [[115.5, "1"], [200, "1"]]}, errors.MetricsMalformed),
    "text": (ROW | {"values": [[100, "many"]]}, errors.QueryRefused),
}


@pytest.mark.parametrize("case", RANGES)
async def test_a_range_is_rows_or_an_error_of_ours(case: str, executor: ThreadPoolExecutor) -> None:
    row, kind = RANGES[case]

    with serving(as_json({"status": "success", "data": {"resultType": "matrix", "result": [row]}})) as address:
        client = PrometheusClient(Connection(address), executor)
        (got,) = await asyncio.gather(client.query_range("up", Grid(100.0, 160.0, 30.0)), return_exceptions=True)
        client.close()

    assert got == [Row({"a": "b"}, {0: 1.0, 1: 2.5})] if kind is None else type(got) is kind


# --- who we are -------------------------------------------------------------------------------------------------------


async def test_the_token_is_sent_even_when_netrc_knows_the_host(
    executor: ThreadPoolExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login other password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    seen: list[str | None] = []

    def watch(request: BaseHTTPRequestHandler) -> None:
        seen.append(request.headers["Authorization"])
        as_json(ONE)(request)

    with serving(watch) as address:
        await query(Connection(address, bearer_token="t0ken\n"), executor)
        await query(Connection(address, username="me", password="pässword"), executor)

    assert seen == ["Bearer t0ken", "Basic bWU6cMOkc3N3b3Jk"]


async def test_a_token_that_no_header_can_hold_is_named(executor: ThreadPoolExecutor) -> None:
    error = await failure(Connection("http://127.0.0.1:9", bearer_token="a\nb"), executor)

    assert type(error) is errors.MetricsDenied
    assert str(error) == "The token for Prometheus at http://127.0.0.1:9 holds characters that no HTTP header may hold."


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def self_signed(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    """A server's TLS, and the certificate to trust for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime(2024, 1, 1)
    certificate = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both = tmp_path_factory.mktemp("tls") / "server.pem"
    both.write_bytes(private + pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context, pem.decode()


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    self_signed: tuple[ssl.SSLContext, str], executor: ThreadPoolExecutor
) -> None:
    with serving(as_json(ONE), self_signed[0]) as address:
        error = await failure(Connection(address), executor)

    assert type(error) is errors.MetricsUnavailable
    assert str(error) == (
        f"The TLS certificate of Prometheus at {address} is not trusted: self-signed certificate:"
        " check its CA certificate."
    )


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
async def test_a_given_certificate_or_none_at_all_is_trusted_when_asked_for(
    self_signed: tuple[ssl.SSLContext, str], executor: ThreadPoolExecutor
) -> None:
    with serving(as_json(ONE), self_signed[0]) as address:
        trusted = await query(Connection(address, ca_pem=self_signed[1]), executor)
        insecure = await query(Connection(address, insecure=True), executor)

    assert trusted == insecure == [Sample({"a": "b"}, 2.5)]


@pytest.mark.parametrize("ca_pem", [None, "no certificate"])
async def test_tls_that_cannot_work_says_what_to_check(ca_pem: str | None, executor: ThreadPoolExecutor) -> None:
    with serving(as_json(ONE)) as address:
        https = address.replace("http://", "https://")
        error = await failure(Connection(https, ca_pem=ca_pem), executor)

    assert type(error) is errors.MetricsUnavailable
    assert str(error) == f"TLS with Prometheus at {https} fails: check that it speaks https and the CA is PEM."


# --- the map is complete ----------------------------------------------------------------------------------------------


def _errors_of(module: ModuleType) -> list[type[Exception]]:
    members = [value for value in vars(module).values() if isinstance(value, type) and issubclass(value, Exception)]
    return [kind for kind in members if not issubclass(kind, Warning)]


@pytest.mark.parametrize(
    "kind",
    [
        *_errors_of(requests.exceptions),
        *_errors_of(urllib3.exceptions),
        prometheus_api_client.exceptions.PrometheusApiClientException,
        *(OSError, ConnectionResetError, UnicodeError, json.JSONDecodeError),
    ],
)
def test_every_foreign_error_is_in_the_map(kind: type[Exception]) -> None:
    error = kind.__new__(kind)

    ours = failures.translated(error, "http://here", 5.0)

    assert isinstance(error, failures.FOREIGN)
    assert isinstance(ours, errors.MetricsError)
    assert str(ours).endswith(".")
